//! The numbers of an app by way of OpenTelemetry, and of the crate `metrics`.

mod samples;

use std::time::Duration;

use evkafka::{
    App, Event, FailurePolicy, LastStep, Metrics, ProducerConfig,
    embedded::Cluster,
    event::Events,
    handler,
    metrics::{MetricsSnapshot, PartitionMetrics},
    router,
};
use serde::Serialize;
use tokio::time::timeout;

use self::samples::{Meter, Samples, of_recorder, of_text};
use crate::support::{DEADLINE, Running, cluster, config, event};

#[derive(Serialize, Event)]
#[event(topic = "prices")]
struct OrderPriced {
    id: u64,
}

#[handler(event = "OrderCreated")]
async fn on_order(id: u64) -> Result<OrderPriced, &'static str> {
    if id.is_multiple_of(5) { Err("no") } else { Ok(OrderPriced { id }) }
}

/// An app whose consumer and producer have this name, which no other test has: the recorder is that of the process.
fn app(cluster: &Cluster, name: &str) -> App {
    let config = config(cluster)
        .group_id(name)
        .commit_interval(Duration::from_millis(50))
        .failure_policy(FailurePolicy::new().attempts(1).last_step(LastStep::Skip));
    let producer = ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers());
    App::new("test")
        .publish_metrics(Duration::from_millis(20))
        .consumer(name, config, router![on_order])
        .producer(name, producer, Events::any())
}

fn with_topics() -> Cluster {
    let cluster = cluster(2);
    cluster.create_topic("prices", 1).expect("a topic");
    cluster
}

/// Orders for both partitions, of which each fifth is not priced, and what nobody handles.
async fn send(cluster: &Cluster) {
    let orders = (0..100).map(|id| event("OrderCreated", id).partition((id % 2) as i32));
    let others = (0..10).map(|id| event(&format!("Type{id}"), id));
    cluster.send_all(orders.chain(others)).await.expect("acknowledgements");
}

/// Waits until something is so; else says what it is.
async fn until<T: std::fmt::Debug>(look: impl Fn() -> T, is_so: impl Fn(&T) -> bool) {
    let wait = async {
        while !is_so(&look()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(DEADLINE, wait).await.is_err() {
        panic!("not as expected within {DEADLINE:?}: {:#?}", look());
    }
}

async fn until_all_are_committed(metrics: &Metrics) {
    let is_committed = |of: &PartitionMetrics| of.lag == Some(0) && of.committed_offset == of.end_offset;
    until(
        || metrics.snapshot(),
        |MetricsSnapshot { consumers, .. }| {
            let consumer = consumers.first();
            consumer.is_some_and(|of| of.assigned() == 2 && of.partitions.iter().all(is_committed))
        },
    )
    .await;
}

fn is_of_partition(samples: &Samples) -> Samples {
    let is_one = |labels: &str| labels.contains("messaging_destination_partition_id");
    samples
        .iter()
        .filter(|(series, _)| is_one(series))
        .map(|(series, value)| (series.clone(), *value))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_family_arrives_with_its_value_in_every_form_and_partitions_that_are_revoked_are_gone() {
    let (cluster, meter) = (with_topics(), Meter::new());
    let app = app(&cluster, "all-forms");
    let metrics = app.metrics();
    metrics.register_with(&meter.of("evkafka"));
    let running = Running::start(app);
    send(&cluster).await;
    until_all_are_committed(&metrics).await;

    let text = of_text(&metrics.prometheus());
    for part in [
        r#"messaging_client_consumed_messages_total{evkafka_consumer="all-forms",evkafka_event="OrderCreated""#,
        r#"messaging_client_sent_messages_total{evkafka_event="OrderPriced""#,
        r#"evkafka_partition_lag{evkafka_consumer="all-forms""#,
        r#"evkafka_partition_committed_offset{evkafka_consumer="all-forms""#,
    ] {
        let (_, value) = text.iter().find(|(series, _)| series.starts_with(part)).expect(part);
        assert!(*value > 0.0 || part.contains("lag"), "{part} {value}");
    }
    until(|| (of_recorder("all-forms"), of_text(&metrics.prometheus())), |(seen, text)| seen == text).await;
    assert_eq!(meter.collect(), of_text(&metrics.prometheus()));
    assert!(!is_of_partition(&text).is_empty());

    running.stop().await.unwrap();
    let text = of_text(&metrics.prometheus());
    assert_eq!(meter.collect(), text);
    assert!(is_of_partition(&text).is_empty());
    // The app has waited for the last publication. A recorder cannot forget a series.
    let seen = of_recorder("all-forms");
    let gone = is_of_partition(&seen);
    assert!(!gone.is_empty() && gone.values().all(|value| *value == 0.0), "{gone:#?}");
    let others = seen.into_iter().filter(|(series, _)| !gone.contains_key(series)).collect::<Samples>();
    assert_eq!(others, text);

    drop(metrics);
    assert_eq!(meter.collect(), Samples::new(), "nobody has the numbers");
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_that_share_a_meter_and_a_recorder_come_and_go_by_themselves() {
    let (cluster, meter) = (with_topics(), Meter::new());
    let start = |name| {
        let app = app(&cluster, name);
        let metrics = app.metrics();
        metrics.register_with(&meter.of("evkafka"));
        (metrics, Running::start(app))
    };
    let ((first, first_runs), (second, second_runs)) = (start("shares-first"), start("shares-second"));
    send(&cluster).await;
    until_all_are_committed(&first).await;
    until_all_are_committed(&second).await;
    let both = || {
        let texts = [&first, &second].map(|metrics| of_text(&metrics.prometheus()));
        texts.into_iter().flatten().collect::<Samples>()
    };
    until(|| (meter.collect(), both()), |(seen, both)| seen == both).await;

    second_runs.kill().await;
    drop(second);
    let of_first = || of_text(&first.prometheus());
    until(|| (meter.collect(), of_first()), |(seen, first)| seen == first).await;
    until(
        || is_of_partition(&of_recorder("shares-second")),
        |gone| !gone.is_empty() && gone.values().all(|value| *value == 0.0),
    )
    .await;
    assert_eq!(of_recorder("shares-first"), of_first(), "it runs on");
    first_runs.stop().await.unwrap();
}

#[tokio::test]
async fn an_app_that_is_to_publish_all_the_time_is_an_error() {
    let cluster = cluster(1);
    let error = app(&cluster, "hurries").publish_metrics(Duration::ZERO).check().unwrap_err();
    assert!(
        error.to_string().contains("`publish_metrics`: the interval must be longer than zero"),
        "{error}"
    );
}
