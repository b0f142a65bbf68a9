//! The rows of the delivery table: what is skipped, when an offset is committed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use evkafka::{
    App, AutoCommitMode, Concurrency, ConsumerConfig, Metadata, State,
    embedded::{Cluster, Event},
    handler, router,
};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    mocking::MockCluster,
    producer::{FutureProducer, FutureRecord},
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;

use crate::support::{
    DEADLINE, Ledger, Running, cluster, committed, committed_at, config, event, send_to, until_committed,
};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

/// Records that no handler takes, with payloads that would not decode if somebody tried.
fn unmatched() -> Vec<Event> {
    let broken = || Event::new("orders").partition(0).payload("{ not json");
    vec![
        broken().event_type("InventoryCounted"),
        broken(),
        broken().event_type([0xff, 0xfe, b'O']),
        broken().event_type(""),
        broken().null_header("Event-Type"),
        broken().header("event-type", "OrderCreated"),
    ]
}

async fn skips_what_nothing_matches(mode: AutoCommitMode) {
    let cluster = cluster(1);
    let events = unmatched();
    let skipped = i64::try_from(events.len()).unwrap();
    cluster.send_all(events).await.unwrap();
    cluster.send(event("OrderCreated", 7)).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).auto_commit_mode(mode),
        router![on_order],
    );
    let app = Running::start(app);
    ledger.until_len(1).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.offsets(), [skipped]);
    assert_eq!(committed(&cluster).await, Some(skipped + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_skips_what_nothing_matches_without_decoding_it() {
    skips_what_nothing_matches(AutoCommitMode::PostCommit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_skips_what_nothing_matches_without_decoding_it() {
    skips_what_nothing_matches(AutoCommitMode::PreCommit).await;
}

async fn commits_past_records_of_which_none_matches(mode: AutoCommitMode) {
    let cluster = cluster(1);
    cluster.send_all((0..1000).map(|id| event("InventoryCounted", id))).await.unwrap();
    let config = config(&cluster).auto_commit_mode(mode).commit_interval(Duration::from_millis(100));
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let app = Running::start(app);
    until_committed(&cluster, 1000).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.calls(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_commits_past_records_of_which_none_matches() {
    commits_past_records_of_which_none_matches(AutoCommitMode::PostCommit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_commits_past_records_of_which_none_matches() {
    commits_past_records_of_which_none_matches(AutoCommitMode::PreCommit).await;
}

/// Notes what is committed while the record is being handled.
#[handler(event = "OrderCreated")]
async fn looks_at_the_committed_offset(
    State(cluster): State<Arc<Cluster>>,
    State(ledger): State<Ledger>,
    meta: Metadata,
) {
    // The committing task has every chance to commit too much.
    let offsets = cluster.committed("billing", "orders").await.unwrap();
    ledger.note(&meta, offsets.get(&meta.partition).copied().unwrap_or(0));
}

async fn committed_while_handled(mode: AutoCommitMode, concurrency: Concurrency) -> Ledger {
    let cluster = Arc::new(cluster(1));
    cluster
        .send_all((0..20).map(|id| event("OrderCreated", id).key(format!("key-{}", id % 5))))
        .await
        .unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster)
        .auto_commit_mode(mode)
        .concurrency(concurrency)
        .commit_interval(Duration::from_millis(10));
    let app = App::new("test").state(ledger.clone()).state(Arc::clone(&cluster)).consumer(
        "orders",
        config,
        router![looks_at_the_committed_offset],
    );
    let app = Running::start(app);
    ledger.until_len(20).await;
    app.stop().await.unwrap();
    assert_eq!(committed(&cluster).await, Some(20));
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_never_commits_a_record_that_is_being_handled() {
    let ledger = committed_while_handled(AutoCommitMode::PostCommit, Concurrency::PerPartition).await;
    for call in ledger.calls() {
        assert!(call.note.parse::<i64>().unwrap() <= call.offset, "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_never_commits_a_record_that_is_being_handled_beside_others() {
    for concurrency in [Concurrency::PerKey { in_flight: 8 }, Concurrency::Unordered { in_flight: 8 }] {
        let ledger = committed_while_handled(AutoCommitMode::PostCommit, concurrency).await;
        for call in ledger.calls() {
            assert!(call.note.parse::<i64>().unwrap() <= call.offset, "{call:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_has_the_offset_acknowledged_before_the_record_is_handled() {
    for concurrency in [Concurrency::PerPartition, Concurrency::PerKey { in_flight: 8 }] {
        let ledger = committed_while_handled(AutoCommitMode::PreCommit, concurrency).await;
        for call in ledger.calls() {
            assert!(call.note.parse::<i64>().unwrap() > call.offset, "{call:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_broker_that_passes_costs_nothing() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("orders", 1, 1).unwrap();
    let servers = mock.bootstrap_servers();
    send_to(&servers, "OrderCreated", 0..10).await;
    mock.request_errors(RDKafkaApiKey::Fetch, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN; 3]);
    let ledger = Ledger::default();
    let config = ConsumerConfig::new(["orders"]).bootstrap_servers(&servers).group_id("billing");
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let app = Running::start(app);
    ledger.until_len(10).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.offsets(), (0..10).collect::<Vec<_>>());
    assert_eq!(committed_at(&servers).await, Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_router_serves_two_clusters() {
    let (internal, external) = (cluster(1), cluster(2));
    internal.send_all((0..50).map(|id| event("OrderCreated", id))).await.unwrap();
    external.send_all((50..100).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let handlers = router![on_order];
    let app = evkafka::app! {
        title: "test",
        state: ledger.clone(),
        consumers: {
            internal: config(&internal) => handlers.clone(),
            external: config(&external) => handlers,
        },
    };
    let app = Running::start(app);
    ledger.until_len(100).await;
    app.stop().await.unwrap();
    let mut by_consumer: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for call in ledger.calls() {
        by_consumer.entry(call.consumer).or_default().push(call.note.parse().unwrap());
    }
    // In order, because each cluster has them in one partition.
    assert_eq!(by_consumer["internal"], (0..50).collect::<Vec<_>>());
    assert_eq!(by_consumer["external"], (50..100).collect::<Vec<_>>());
    assert_eq!((committed(&internal).await, committed(&external).await), (Some(50), Some(50)));
}

#[handler(event = "OrderCreated")]
async fn slow_by_key(id: u64, key: evkafka::Key<'_>, State(ledger): State<Ledger>, meta: Metadata) {
    // Not as synchronisation: the work takes this long, differently for each record.
    tokio::time::sleep(Duration::from_millis(id * 7 % 13)).await;
    ledger.note(&meta, format!("{} {id}", String::from_utf8_lossy(key.0.unwrap_or_default())));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_key_are_handled_in_order_while_keys_go_side_by_side() {
    let cluster = cluster(2);
    let keys = 7;
    cluster
        .send_all((0..600).map(|id| {
            Event::new("orders")
                .event_type("OrderCreated")
                .key(format!("key-{}", id % keys))
                .payload(id.to_string())
        }))
        .await
        .unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).concurrency(Concurrency::PerKey { in_flight: 50 });
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![slow_by_key]);
    let app = Running::start(app);
    ledger.until_len(600).await;
    app.stop().await.unwrap();
    let mut by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for note in ledger.notes() {
        let (key, id) = note.split_once(' ').unwrap();
        by_key.entry(key.to_owned()).or_default().push(id.parse().unwrap());
    }
    assert_eq!(by_key.len(), keys as usize);
    assert!(by_key.values().all(|ids| ids.is_sorted()), "{by_key:?}");
    let all: Vec<u64> =
        ledger.notes().iter().map(|n| n.split_once(' ').unwrap().1.parse().unwrap()).collect();
    assert!(!all.is_sorted(), "keys that go side by side end in another order than they were sent");
    let offsets = cluster.committed("billing", "orders").await.unwrap();
    assert_eq!(offsets.values().sum::<i64>(), 600);
}

/// How many are at work, how many there were at most, and a gate that lets them go.
#[derive(Clone)]
struct AtWork {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

#[handler(fallback)]
async fn takes_part(State(work): State<AtWork>, State(ledger): State<Ledger>, meta: Metadata) {
    let now = work.now.fetch_add(1, Ordering::SeqCst) + 1;
    work.most.fetch_max(now, Ordering::SeqCst);
    work.gate.acquire().await.expect("it is not closed").forget();
    work.now.fetch_sub(1, Ordering::SeqCst);
    ledger.note(&meta, "");
}

/// 4 MB in 200 records, of which a partition may have 256 KiB at work, and a queue of as much on top of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_work_side_by_side_is_limited_by_its_size_too() {
    const RECORDS: usize = 200;
    let cluster = cluster(1);
    let large = || Event::new("orders").partition(0).payload(vec![b'x'; 20_000]);
    for _ in 0..RECORDS {
        // One at a time: what the producer puts into one batch comes whole, however much that is.
        cluster.send(large()).await.unwrap();
    }
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let work = AtWork { now: Arc::default(), most: Arc::default(), gate: Arc::clone(&gate) };
    let config =
        config(&cluster).concurrency(Concurrency::Unordered { in_flight: 1000 }).prefetch_memory_mib(1);
    let app = App::new("test").state(ledger.clone()).state(work.clone());
    let app = Running::start(app.consumer("orders", config, router![takes_part]));
    // Nothing says that no more will come. To give up too early would only hide a fault.
    let (mut most, mut since) = (0, Instant::now());
    while most == 0 || since.elapsed() < Duration::from_secs(1) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if work.most.load(Ordering::SeqCst) > most {
            (most, since) = (work.most.load(Ordering::SeqCst), Instant::now());
        }
    }
    gate.add_permits(RECORDS);
    ledger.until_len(RECORDS).await;
    app.stop().await.unwrap();
    assert!((2..=50).contains(&most), "{most} at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_handled_however_its_producer_compresses() {
    let cluster = cluster(1);
    for (codec, id) in [("none", 0_u64), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)] {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("compression.type", codec)
            .create()
            .unwrap_or_else(|error| panic!("no {codec} is built in: {error}"));
        let headers = OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some("OrderCreated") });
        // librdkafka sends a batch as it is if that makes it smaller.
        let payload = format!("{id}{}", " ".repeat(1000));
        let record = FutureRecord::<(), _>::to("orders").partition(0).headers(headers).payload(&payload);
        producer.send(record, DEADLINE).await.expect("an acknowledgement");
    }
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("c", config(&cluster), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(5).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["0", "1", "2", "3", "4"]);
}
