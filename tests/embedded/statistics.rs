//! What the Kafka clients of an app report on themselves, if they are asked to.

use std::{
    cell::Cell,
    collections::BTreeSet,
    time::{Duration, Instant},
};

use evkafka::{
    App, ConsumerConfig, Event, Producer, ProducerConfig,
    embedded::Cluster,
    event::Events,
    handler,
    metrics::{BrokerMetrics, ConsumerMetrics, Metrics, MetricsSnapshot, ProducerMetrics},
    router,
};
use serde::Serialize;
use tokio::time::timeout;

use crate::support::{DEADLINE, Running, cluster, config, event};

const PAGE: &str = include_str!("../../docs/metrics.md");
const DASHBOARD: &str = include_str!("../../docs/monitoring/grafana.json");

const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Serialize, Event)]
#[event(topic = "prices")]
struct OrderPriced {
    id: u64,
}

#[handler(event = "OrderCreated")]
async fn prices(id: u64) -> OrderPriced {
    OrderPriced { id }
}

#[handler(event = "OrderCreated")]
async fn ignores() {}

fn out(cluster: &Cluster) -> ProducerConfig {
    ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers())
}

/// A cluster on which events may be sent.
fn with_topics() -> Cluster {
    let cluster = cluster(1);
    cluster.create_topic("prices", 1).unwrap();
    cluster
}

/// Waits until the numbers are as wanted.
async fn until(metrics: &Metrics, wanted: impl Fn(&MetricsSnapshot) -> bool) -> MetricsSnapshot {
    until_doing(metrics, async || {}, wanted).await
}

/// The same, and has requests under way meanwhile: a report is about what was answered since the previous one.
async fn until_doing<T>(
    metrics: &Metrics,
    act: impl AsyncFn() -> T,
    wanted: impl Fn(&MetricsSnapshot) -> bool,
) -> MetricsSnapshot {
    let wait = async {
        loop {
            act().await;
            let snapshot = metrics.snapshot();
            if wanted(&snapshot) {
                return snapshot;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    match timeout(DEADLINE, wait).await {
        Ok(snapshot) => snapshot,
        Err(_) => panic!("not as expected within {DEADLINE:?}: {:#?}", metrics.snapshot()),
    }
}

fn consumer<'s>(snapshot: &'s MetricsSnapshot, name: &str) -> Option<&'s ConsumerMetrics> {
    snapshot.consumers.iter().find(|consumer| &*consumer.name == name)
}

fn broker(brokers: &[BrokerMetrics], id: Option<i32>) -> Option<&BrokerMetrics> {
    brokers.iter().find(|broker| broker.id == id)
}

/// Whether requests were sent over a connection, and answered.
fn is_used(broker: Option<&BrokerMetrics>) -> bool {
    broker.is_some_and(|of| {
        of.connections >= 1 && of.connects >= 1 && of.round_trip_mean > Some(Duration::ZERO)
    })
}

fn is_steady(consumer: &ConsumerMetrics, members: u64) -> bool {
    consumer
        .membership
        .is_some_and(|of| of.steady == members && of.joining + of.rebalancing + of.searching == 0)
}

/// Whether a metric is one that clients report.
fn is_of_clients(name: &&str) -> bool {
    ["evkafka_broker_", "evkafka_group_", "evkafka_producer_"].iter().any(|of| name.starts_with(of))
}

/// The families of a text that are of clients.
fn families(text: &str) -> BTreeSet<&str> {
    let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    heads.filter(is_of_clients).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_are_asked_report_on_their_connections_and_others_do_not() {
    let cluster = with_topics();
    let asked = config(&cluster).statistics_interval(INTERVAL).instances(2).commit_interval(INTERVAL);
    let app = App::new("test")
        .consumer("asked", asked, router![prices])
        .consumer("silent", cluster.config(["orders"], "silent"), router![ignores])
        .producer("out", out(&cluster).statistics_interval(INTERVAL), Events::any());
    let metrics = app.metrics();
    let running = Running::start(app);
    let send = async || cluster.send(event("OrderCreated", 7)).await.unwrap();
    let snapshot = until_doing(&metrics, send, |snapshot| {
        let (Some(asked), Some(silent)) = (consumer(snapshot, "asked"), consumer(snapshot, "silent")) else {
            return false;
        };
        let is_told = is_used(broker(&asked.brokers, Some(1)))
            && broker(&asked.brokers, None).is_some_and(|of| of.connections == 2)
            && is_steady(asked, 2)
            && !silent.partitions.is_empty();
        let has_reported =
            |out: &ProducerMetrics| is_used(broker(&out.brokers, Some(1))) && out.queued.is_some();
        is_told && snapshot.producers.iter().any(has_reported)
    })
    .await;
    let (asked, silent) = (consumer(&snapshot, "asked").unwrap(), consumer(&snapshot, "silent").unwrap());
    assert_eq!(
        asked.brokers.len(),
        2,
        "one broker and the coordinator, and no address of the start: {asked:#?}"
    );
    for of in &asked.brokers {
        assert!(of.connects > of.disconnects && of.round_trip_mean <= of.round_trip_max, "{of:?}");
        assert_eq!((of.timed_out, of.throttle_max), (0, Duration::ZERO), "{of:?}");
    }
    assert!(asked.membership.unwrap().rebalance_age.is_some_and(|age| age < DEADLINE));
    assert_eq!((&silent.brokers[..], silent.membership), (&[][..], None));
    let text = metrics.prometheus();
    assert!(
        !text.lines().any(|line| line.starts_with("evkafka_broker") && line.contains("silent")),
        "{text}"
    );
    running.stop().await.unwrap();
    until(&metrics, |snapshot| {
        snapshot.producers.iter().all(|of| of.brokers.is_empty() && of.queued.is_none())
    })
    .await;
    assert_eq!(families(&metrics.prometheus()), BTreeSet::new(), "nothing outlives the clients");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_down_is_a_disconnect_and_counts_go_on_when_it_is_back() {
    let cluster = with_topics();
    let app =
        App::new("test").consumer("orders", config(&cluster).statistics_interval(INTERVAL), router![ignores]);
    let metrics = app.metrics();
    let running = Running::start(app);
    let of_first = |snapshot: &MetricsSnapshot| {
        consumer(snapshot, "orders").and_then(|of| broker(&of.brokers, Some(1)).cloned())
    };
    until(&metrics, |snapshot| is_used(of_first(snapshot).as_ref())).await;
    cluster.broker_down(1).unwrap();
    let down = until(&metrics, |snapshot| {
        of_first(snapshot).is_some_and(|of| of.connections == 0 && of.disconnects >= 1)
    });
    let before = of_first(&down.await).unwrap();
    cluster.broker_up(1).unwrap();
    let up = until(&metrics, |snapshot| is_used(of_first(snapshot).as_ref()));
    let after = of_first(&up.await).unwrap();
    assert!(
        after.connects > before.connects && after.disconnects >= before.disconnects,
        "{before:?} {after:?}"
    );
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_broker_shows_in_the_round_trip() {
    const SLOW: Duration = Duration::from_millis(300);
    let cluster = with_topics();
    cluster.round_trip_time(1, SLOW).unwrap();
    let producer = Producer::new("shop", &out(&cluster).statistics_interval(INTERVAL)).unwrap();
    let metrics = producer.metrics();
    let send = async || producer.send(&OrderPriced { id: 7 }).enqueue().await.unwrap();
    let is_slow = |of: &BrokerMetrics| of.id == Some(1) && of.round_trip_max >= Some(SLOW.mul_f64(0.9));
    let snapshot = until_doing(&metrics, send, |snapshot| {
        snapshot.producers.iter().any(|of| of.brokers.iter().any(is_slow))
    })
    .await;
    assert!(snapshot.consumers.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_without_an_app_has_numbers_of_its_own_which_do_not_keep_it_alive() {
    let cluster = with_topics();
    let producer = Producer::new("shop", &out(&cluster).statistics_interval(INTERVAL)).unwrap();
    let metrics = producer.metrics();
    assert_eq!(metrics.snapshot().producers[0].events, []);
    producer.send(&OrderPriced { id: 7 }).await.unwrap();
    producer.send(&OrderPriced { id: 8 }).enqueue().await.unwrap();
    assert!(producer.flush(DEADLINE).await);
    let snapshot = metrics.snapshot();
    let [shop] = &snapshot.producers[..] else { panic!("{snapshot:#?}") };
    let sent: Vec<_> = shop.events.iter().map(|of| (&*of.event, of.sent, of.failed)).collect();
    assert_eq!((&*shop.name, &sent[..]), ("shop", &[("OrderPriced", 2, 0)][..]));
    let send = async || producer.send(&OrderPriced { id: 9 }).enqueue().await.unwrap();
    let is_connected = |snapshot: &MetricsSnapshot| is_used(broker(&snapshot.producers[0].brokers, Some(1)));
    until_doing(&metrics, send, is_connected).await;
    assert!(producer.flush(DEADLINE).await);
    let sent = metrics.snapshot().producers[0].events.clone();
    drop(producer);
    let ended = until(&metrics, |snapshot| snapshot.producers[0].brokers.is_empty()).await;
    assert_eq!(ended.producers[0].events, sent, "counts stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_and_dashboard_have_each_metric_of_clients_and_no_other() {
    let cluster = with_topics();
    let app = App::new("test")
        .consumer("orders", config(&cluster).statistics_interval(INTERVAL), router![prices])
        .producer("out", out(&cluster).statistics_interval(INTERVAL), Events::any());
    let metrics = app.metrics();
    let running = Running::start(app);
    cluster.send(event("OrderCreated", 7)).await.unwrap();
    let begun = Instant::now();
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let on_the_page: BTreeSet<_> = rows.filter(is_of_clients).collect();
    let mut text = metrics.prometheus();
    while families(&text) != on_the_page {
        assert!(begun.elapsed() < DEADLINE, "{on_the_page:#?} {text}");
        tokio::time::sleep(Duration::from_millis(10)).await;
        text = metrics.prometheus();
    }
    let words = DASHBOARD.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let on_the_dashboard: BTreeSet<_> = words.filter(is_of_clients).collect();
    let unknown: Vec<_> = on_the_dashboard.difference(&on_the_page).collect();
    assert!(on_the_dashboard.len() > 5 && unknown.is_empty(), "{unknown:?}");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_go_on_when_a_member_rejoins_with_another_client() {
    let cluster = cluster(1);
    let config = ConsumerConfig::new(["^orders"])
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("billing")
        .prefetch_memory_mib(1)
        .statistics_interval(INTERVAL)
        .properties([("session.timeout.ms", 3000), ("heartbeat.interval.ms", 300)])
        .property("topic.metadata.refresh.interval.ms", 200);
    let app = App::new("test").consumer("finds-more", config, router![ignores]);
    let metrics = app.metrics();
    let running = Running::start(app);
    let connects = |snapshot: &MetricsSnapshot| {
        consumer(snapshot, "finds-more").and_then(|of| Some(broker(&of.brokers, Some(1))?.connects))
    };
    let first = until(&metrics, |snapshot| {
        consumer(snapshot, "finds-more").is_some_and(|of| of.assigned() == 1) && connects(snapshot).is_some()
    });
    let first = connects(&first.await);
    // More than its memory was shared out for.
    cluster.create_topic("orders-eu", 6).unwrap();
    let (last, has_been_silent) = (Cell::new(first), Cell::new(false));
    until(&metrics, |snapshot| {
        let Some(now) = connects(snapshot) else {
            has_been_silent.set(true);
            return false;
        };
        assert!(Some(now) >= last.get(), "{now} after {last:?}");
        last.set(Some(now));
        has_been_silent.get() && Some(now) > first
    })
    .await;
    running.stop().await.unwrap();
}
