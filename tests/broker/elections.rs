//! What a consumer meets when a partition has another leader.

use std::time::Instant;

use evkafka_tests::kafka::{self, Cluster};

use crate::{
    faults::report,
    support::{DEADLINE, Scene, handled, terminate},
};

/// The leaders of a new topic count their epochs from zero again.
#[test]
fn a_topic_that_is_recreated_after_its_leader_has_changed_is_read_on() {
    let cluster = Cluster::start("recreated", 3);
    let scene = Scene::on(cluster.bootstrap().to_owned(), "recreated", 1);
    scene.produce(0..500);
    let process = scene.service(&[("mode", "post"), ("commit-interval-ms", "200")]);
    scene.until("handled", |ledger| handled(ledger).len() == 500);
    let leader = kafka::leader(&scene.brokers, &scene.topic);
    cluster.stop_node(leader);
    cluster.start_node(leader);
    scene.produce(500..1_000);
    scene.until("handled from another leader", |ledger| handled(ledger).len() == 1_000);
    kafka::delete_topic(&scene.brokers, &scene.topic);
    kafka::create_topic_called(&scene.brokers, &scene.topic, 1);
    scene.produce(1_000..1_500);
    scene.until("handled of the new topic", |ledger| handled(ledger).len() == 1_500);
    terminate(process);
    report("a topic recreated after its leader has changed", "post", "all handled, after half a minute");
}

/// librdkafka goes on where the new leader's log ends, and drops what it had fetched: also what that log has.
#[test]
fn a_log_that_is_cut_off_in_front_of_a_slow_consumer_has_all_handled_that_is_left_of_it() {
    let (kept, cut_off, later) = (0..2_000, 2_000..2_500, 2_500..2_600);
    let cluster = Cluster::start("cut-off", 3);
    let unclean = [("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")];
    let topic = kafka::unique("cut-off");
    kafka::create_topic_on(cluster.bootstrap(), &topic, &[1, 2], &unclean);
    let scene = Scene::of(cluster.bootstrap().to_owned(), "cut-off", topic);
    scene.produce(kept.clone());
    // Only the first node has the rest.
    cluster.stop_node(2);
    scene.produce(cut_off.clone());
    // What the member has at hand is dropped with its session, which must outlast the election.
    let properties = match std::env::var_os("EVKAFKA_TEST_GROUP_PROTOCOL") {
        Some(_) => "{}",
        None => r#"{"session.timeout.ms": "45000"}"#,
    };
    let process = scene.service(&[
        ("mode", "post"),
        ("handler-ms", "20"),
        ("commit-interval-ms", "200"),
        ("properties", properties),
    ]);
    scene.until("begun", |ledger| handled(ledger).len() >= 50);
    cluster.kill_node(1);
    cluster.start_node(2);
    let deadline = Instant::now() + DEADLINE;
    while kafka::leader(&scene.brokers, &scene.topic) != 2 {
        assert!(Instant::now() < deadline, "the other replica does not lead");
    }
    scene.produce(later.clone());
    scene.until("handled", |ledger| {
        let handled = handled(ledger);
        later.clone().all(|id| handled.contains(&id))
    });
    terminate(process);
    let handled = handled(&scene.ledger());
    let missing: Vec<u64> = kept.filter(|id| !handled.contains(id)).collect();
    assert!(missing.is_empty(), "{} records that the log has, from {:?}", missing.len(), missing.first());
    let lost = cut_off.filter(|id| !handled.contains(id)).count();
    assert!(lost > 0, "the log was cut off");
    report(
        "a log cut off in front of a slow consumer",
        "post",
        format_args!("all handled that is left of it, {lost} lost by Kafka"),
    );
}
