//! An app that is controlled while it runs, where the embedded cluster is no measure: it knows no times, and its groups are simpler.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use evkafka::{
    App, ConsumerConfig, Control, State,
    control::{Pause, Scope, SeekTo},
    handler, router,
};
use evkafka_tests::kafka::{self, Record};
use tokio::{task::JoinHandle, time::sleep};

use crate::support::DEADLINE;

type Handled = Arc<Mutex<Vec<u64>>>;

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(handled): State<Handled>) {
    handled.lock().expect("no panic").push(id);
}

fn produce(brokers: &str, topic: &str, ids: std::ops::Range<u64>) {
    let records = ids.map(|id| Record::new(id.to_string()).header("Event-Type", "OrderCreated"));
    kafka::produce(brokers, topic, records);
}

fn start(
    brokers: &str,
    topic: &str,
    group: &str,
    handled: &Handled,
) -> (JoinHandle<evkafka::Result<()>>, Control) {
    let config = ConsumerConfig::new([topic])
        .bootstrap_servers(brokers)
        .group_id(group)
        .commit_interval(Duration::from_millis(100))
        .property("session.timeout.ms", 6000)
        .property("heartbeat.interval.ms", 1000)
        .property("max.poll.interval.ms", 6000)
        .revoke_grace(Duration::from_secs(1));
    let app = App::new("test").state(Arc::clone(handled)).consumer("orders", config, router![on_order]);
    let control = app.control();
    (tokio::spawn(app.run_until(std::future::pending())), control)
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not so: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn until_len(handled: &Handled, len: usize) {
    let count = || handled.lock().expect("no panic").len();
    until(&format!("{len} are handled"), async || count() >= len).await;
    assert_eq!(count(), len);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seek_by_time_leads_to_the_first_record_that_is_no_earlier() {
    let brokers = kafka::brokers();
    let (topic, group) = (kafka::create_topic(&brokers, "times", 2), kafka::unique("times"));
    let handled = Handled::default();
    produce(&brokers, &topic, 0..10);
    // The clock of records has milliseconds.
    sleep(Duration::from_millis(20)).await;
    let between = SystemTime::now();
    sleep(Duration::from_millis(20)).await;
    produce(&brokers, &topic, 10..20);
    let (app, control) = start(&brokers, &topic, &group, &handled);
    until_len(&handled, 20).await;
    let ends: BTreeMap<i32, i64> =
        [0, 1].map(|partition| (partition, kafka::end_offset(&brokers, &topic, partition))).into();
    let sought = control.seek(Scope::all(), SeekTo::Time(between)).await.unwrap();
    assert_eq!(sought.len(), 2);
    let again: i64 = sought.iter().map(|of| ends[&of.partition.partition] - of.offset).sum();
    assert_eq!(again, 10, "{sought:?}, {ends:?}");
    until_len(&handled, 30).await;
    let mut repeated = handled.lock().unwrap().split_off(20);
    repeated.sort_unstable();
    assert!(repeated.into_iter().eq(10..20));
    let later = SystemTime::now() + Duration::from_secs(3600);
    let sought = control.seek(Scope::all(), SeekTo::Time(later)).await.unwrap();
    assert!(sought.iter().all(|of| of.offset == ends[&of.partition.partition]), "{sought:?}");
    control.drain().unwrap();
    app.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_paused_for_longer_than_its_session_keeps_its_partitions_also_through_a_rebalance() {
    let brokers = kafka::brokers();
    let (topic, group) = (kafka::create_topic(&brokers, "paused", 2), kafka::unique("paused"));
    let (handled, of_other) = (Handled::default(), Handled::default());
    let (app, control) = start(&brokers, &topic, &group, &handled);
    produce(&brokers, &topic, 0..10);
    until_len(&handled, 10).await;
    let owned = |control: &Control| control.status().unwrap().consumers[0].members[0].partitions.len();
    control.pause(Scope::consumer("orders"), Pause::new("maintenance")).unwrap();
    sleep(Duration::from_secs(15)).await;
    assert_eq!(owned(&control), 2);
    let (other, control_of_other) = start(&brokers, &topic, &group, &of_other);
    until("each has one", async || {
        owned(&control) == 1 && control_of_other.status().is_ok_and(|_| owned(&control_of_other) == 1)
    })
    .await;
    control_of_other.drain().unwrap();
    other.await.unwrap().unwrap();
    until("the first has both", async || owned(&control) == 2).await;
    produce(&brokers, &topic, 10..100);
    sleep(Duration::from_secs(5)).await;
    until_len(&handled, 10).await;
    control.resume(Scope::all()).unwrap();
    until_len(&handled, 100).await;
    control.drain().unwrap();
    app.await.unwrap().unwrap();
    let mut all = handled.lock().unwrap().clone();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..100));
}
