//! The numbers of an app on a cluster.

use std::time::Duration;

use evkafka::{
    App, State,
    control::{Pause, Scope},
    embedded::Cluster,
    handler,
    metrics::{Metrics, PartitionMetrics},
    router,
};
use tokio::time::timeout;

use crate::support::{DEADLINE, Ledger, Running, cluster, config, event};

#[handler(event = "OrderCreated")]
async fn on_order(_id: u64, State(_ledger): State<Ledger>) {}

fn app(cluster: &Cluster) -> App {
    let config = config(cluster).commit_interval(Duration::from_millis(50));
    App::new("test").state(Ledger::default()).consumer("orders", config, router![on_order])
}

async fn send(cluster: &Cluster, types: impl IntoIterator<Item = String>) {
    cluster
        .send_all(types.into_iter().zip(0..).map(|(event_type, id)| event(&event_type, id)))
        .await
        .unwrap();
}

/// Waits until the partitions are as wanted.
async fn until(metrics: &Metrics, wanted: impl Fn(&[PartitionMetrics]) -> bool) {
    let partitions =
        || metrics.snapshot().consumers.into_iter().flat_map(|of| of.partitions).collect::<Vec<_>>();
    let wait = async {
        while !wanted(&partitions()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(DEADLINE, wait).await.is_err() {
        panic!("not as expected within {DEADLINE:?}: {:#?}", partitions());
    }
}

/// Whether so many records are settled and committed, and there are no others.
fn has_ended_at(partitions: &[PartitionMetrics], end: i64) -> bool {
    let sum = |of: fn(&PartitionMetrics) -> Option<i64>| partitions.iter().filter_map(of).sum::<i64>();
    partitions.iter().all(|of| of.lag == Some(0)) && sum(|of| of.committed_offset) == end
}

fn series(metrics: &Metrics) -> Vec<String> {
    let text = metrics.prometheus();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_producer_of_records_creates_a_series_and_what_was_counted_outlives_the_partitions() {
    let cluster = cluster(2);
    let app = app(&cluster);
    let metrics = app.metrics();
    let running = Running::start(app);
    send(&cluster, (0..100).map(|_| "OrderCreated".to_owned())).await;
    until(&metrics, |partitions| has_ended_at(partitions, 100)).await;
    let before = series(&metrics);
    send(&cluster, (0..20_000).map(|number| format!("Type{number}"))).await;
    until(&metrics, |partitions| has_ended_at(partitions, 20_100)).await;
    assert_eq!(series(&metrics), before);
    running.stop().await.unwrap();
    let snapshot = metrics.snapshot();
    assert!(snapshot.consumers[0].partitions.is_empty());
    let events = &snapshot.consumers[0].topics[0].events;
    let counts: Vec<_> = events.iter().map(|of| (&*of.event, of.received, of.handled, of.skipped)).collect();
    let expected = [("OrderCreated", 100, 100, 0), ("_other", 20_000, 0, 20_000), ("_untyped", 0, 0, 0)];
    assert_eq!(counts, expected);
    assert_eq!(events[0].duration.count(), 100);
    assert_eq!(snapshot.consumers[0].topics[0].age.count(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_is_right_to_the_record_though_the_partition_is_not_fetched() {
    let cluster = cluster(1);
    let app = App::new("test").state(Ledger::default()).consumer(
        "orders",
        config(&cluster).commit_interval(Duration::from_millis(50)).prefetch_memory_mib(1),
        router![on_order],
    );
    let (metrics, control) = (app.metrics(), app.control());
    let running = Running::start(app);
    send(&cluster, ["OrderCreated".to_owned()]).await;
    until(&metrics, |partitions| has_ended_at(partitions, 1)).await;
    control.pause(Scope::consumer("orders"), Pause::new("maintenance")).unwrap();
    // More than its queue has room for, so that it learns of the rest from nobody it fetches from.
    let large = |id: u64| event("OrderCreated", id).payload(format!("{id}{}", " ".repeat(2_000)));
    for round in 0..10 {
        cluster.send_all((round * 500..(round + 1) * 500).map(large)).await.unwrap();
    }
    until(&metrics, |partitions| partitions.iter().any(|of| of.lag == Some(5_000) && of.is_paused)).await;
    let partition = metrics.snapshot().consumers[0].partitions[0].clone();
    assert!(
        partition.lag_duration.is_some_and(|lag| lag > Duration::ZERO && lag < DEADLINE),
        "{partition:?}"
    );
    control.resume(Scope::consumer("orders")).unwrap();
    until(&metrics, |partitions| has_ended_at(partitions, 5_001)).await;
    assert_eq!(metrics.snapshot().consumers[0].partitions[0].lag_duration, Some(Duration::ZERO));
    running.stop().await.unwrap();
}
