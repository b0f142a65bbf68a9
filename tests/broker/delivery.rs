//! What is written by Kafka's own tools is handled, and what is committed is read with them.

use std::collections::BTreeMap;

use evkafka_tests::kafka;

use crate::support::{Scene, handled, terminate};

#[test]
fn what_the_console_producer_writes_is_handled_and_committed() {
    let scene = Scene::new("console", 2);
    kafka::console_produce(
        &scene.brokers,
        &scene.topic,
        [
            "Event-Type:OrderCreated\ta\t1",
            "Event-Type:Other,trace:7f\tb\t{",
            "trace:8\tc\tplain",
            "Event-Type:OrderCreated\td\t2",
        ],
    );
    let process = scene.service(&[("commit-interval-ms", "100")]);
    scene.until("handled", |ledger| handled(ledger).len() == 2);
    // The unmatched ones too, some of which may stand behind the handled ones.
    scene.until_committed(4);
    terminate(process);
    assert_eq!(scene.committed().values().sum::<i64>(), 4);
}

#[test]
fn a_group_that_begins_at_the_end_gets_what_comes_while_it_is_away_though_it_has_met_nothing() {
    for mode in ["post", "pre"] {
        let scene = Scene::new("latest", 2);
        scene.produce(0..50);
        let options = [("mode", mode), ("begins-at-the-end", "yes"), ("commit-interval-ms", "100")];
        let process = scene.service(&options);
        // Each fifth order is followed by a record that nobody handles.
        scene.until_committed(60);
        terminate(process);
        scene.produce(50..100);
        let process = scene.service(&options);
        scene.until("handled", |ledger| handled(ledger).len() == 50);
        scene.until_committed(120);
        terminate(process);
        assert!(handled(&scene.ledger()).into_iter().eq(50..100), "{mode}");
    }
}

#[test]
fn two_consumers_read_two_clusters_with_the_same_handler() {
    let internal = Scene::new("both", 2);
    let external = kafka::external_brokers();
    let on_external = Scene::on(external.clone(), "both", 2);
    internal.produce(0..100);
    on_external.produce(100..200);
    // One app, two consumers: the internal one reads its topic, the external one its own.
    let process =
        internal.service(&[("external-brokers", &external), ("external-topic", &on_external.topic)]);
    internal.until("handled", |ledger| handled(ledger).len() == 200);
    terminate(process);
    let mut by_consumer: BTreeMap<String, u64> = BTreeMap::new();
    for entry in internal.ledger().iter().filter(|entry| !entry.begins) {
        assert_eq!(entry.consumer == "external", entry.id >= 100, "{entry:?}");
        *by_consumer.entry(entry.consumer.clone()).or_default() += 1;
    }
    assert_eq!((by_consumer["internal"], by_consumer["external"]), (100, 100));
    assert!(!kafka::committed_offsets(&external, &internal.group).is_empty());
}
