//! Progress that is persisted in the commits' metadata.

use std::time::Duration;

use evkafka::{
    App, Concurrency, ConsumerConfig, Metadata, State,
    embedded::{Cluster, Event},
    handler, router,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::time::timeout;

use crate::support::{
    DEADLINE, Ledger, Running, cluster, committed, committed_with_metadata, config, event, send_to,
    until_committed,
};

/// Comes to its end, but for the records with these numbers.
#[handler(event = "OrderCreated")]
async fn sticks_at(id: u64, State(at): State<&'static [u64]>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
    if at.contains(&id) {
        std::future::pending::<()>().await;
    }
}

fn persisting(cluster: &Cluster) -> ConsumerConfig {
    config(cluster)
        .concurrency(Concurrency::PerKey { in_flight: 20 })
        .persist_progress(true)
        .commit_interval(Duration::from_millis(50))
        .revoke_grace(Duration::from_millis(100))
}

fn app(config: ConsumerConfig, ledger: &Ledger, at: &'static [u64]) -> Running {
    let app = App::new("test").state(ledger.clone()).state(at).shutdown_timeout(Duration::from_secs(5));
    Running::start(app.consumer("orders", config, router![sticks_at]))
}

/// A client of somebody else's, of the same group.
fn stranger(cluster: &Cluster) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "billing");
    config.create().expect("a consumer")
}

/// The metadata of what is committed of a partition.
async fn metadata(cluster: &Cluster, partition: i32) -> String {
    let stranger = stranger(cluster);
    let look = move || {
        let mut list = TopicPartitionList::new();
        list.add_partition("orders", partition);
        let committed = stranger.committed_offsets(list, DEADLINE).expect("committed offsets");
        committed.elements()[0].metadata().to_owned()
    };
    tokio::task::spawn_blocking(look).await.expect("no panic")
}

async fn until_metadata(cluster: &Cluster, partition: i32, wanted: &str) {
    let wait = async { while metadata(cluster, partition).await != wanted {} };
    if timeout(DEADLINE, wait).await.is_err() {
        panic!("the metadata is {:?} after {DEADLINE:?}", metadata(cluster, partition).await);
    }
}

/// Of twenty handlers, so many can stick; so far apart that a bitmap is longer than the list of what lies between them.
const NINETEEN: &[u64] =
    &[1, 41, 81, 121, 161, 201, 241, 281, 321, 361, 401, 441, 481, 521, 561, 601, 641, 681, 721];

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_the_brokers_find_too_large_is_shortened() {
    let mock: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
    mock.create_topic("orders", 1, 1).expect("a topic");
    let servers = mock.bootstrap_servers();
    send_to(&servers, "OrderCreated", 0..760).await;
    let config = ConsumerConfig::new(["orders"])
        .bootstrap_servers(&servers)
        .group_id("billing")
        .concurrency(Concurrency::PerKey { in_flight: 20 })
        .persist_progress(true)
        // The last commit is the only one with metadata.
        .commit_interval(Duration::from_secs(600))
        .property("session.timeout.ms", 5000);
    let ledger = Ledger::default();
    let app = app(config, &ledger, NINETEEN);
    ledger.until_len(760).await;
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
    mock.request_errors(RDKafkaApiKey::OffsetCommit, &[too_large]);
    app.stop().await.unwrap();
    let (offset, metadata) = committed_with_metadata(&servers).await;
    assert_eq!(offset, Some(1));
    // Nineteen runs of settled records are at least 38 bytes, in base64 and with a prefix 62.
    assert!((1..=31).contains(&metadata.len()), "{metadata:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_handles_only_what_was_not_settled() {
    let cluster = cluster(1);
    cluster.send_all((0..300).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let first = app(persisting(&cluster), &ledger, &[3, 40, 41]);
    ledger.until_len(300).await;
    first.stop().await.unwrap();
    assert_eq!(committed(&cluster).await, Some(3));
    // A second one, to which some of the same happens.
    let ledger = Ledger::default();
    let second = app(persisting(&cluster), &ledger, &[3, 41]);
    ledger.until_len(3).await;
    second.stop().await.unwrap();
    cluster.send(event("OrderCreated", 300)).await.unwrap();
    let ledger = Ledger::default();
    let third = app(persisting(&cluster), &ledger, &[]);
    until_committed(&cluster, 301).await;
    third.stop().await.unwrap();
    let mut ids = ledger.notes();
    ids.sort();
    assert_eq!(ids, ["3", "300", "41"]);
    assert_eq!(metadata(&cluster, 0).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_it_all_that_is_above_the_committed_offset_comes_again() {
    let cluster = cluster(1);
    cluster.send_all((0..30).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let first = app(persisting(&cluster).persist_progress(false), &ledger, &[3]);
    ledger.until_len(30).await;
    first.stop().await.unwrap();
    assert_eq!(metadata(&cluster, 0).await, "");
    let ledger = Ledger::default();
    let second = app(persisting(&cluster), &ledger, &[]);
    until_committed(&cluster, 30).await;
    second.stop().await.unwrap();
    assert_eq!(ledger.calls().len(), 27);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_owner_handles_only_what_was_not_settled() {
    let cluster = cluster(2);
    let send = async |ids: std::ops::Range<u64>| {
        let events = ids.map(|id| {
            let partition = i32::from(id % 2 == 1);
            Event::new("orders").partition(partition).event_type("OrderCreated").payload(id.to_string())
        });
        cluster.send_all(events).await.unwrap();
    };
    send(0..100).await;
    let (ours, theirs) = (Ledger::default(), Ledger::default());
    let first = app(persisting(&cluster), &ours, &[0, 1]);
    ours.until_len(100).await;
    // While the group is rebalanced, the embedded cluster takes no commits, so they are waited for: one offset that is not
    // settled, then 49 that are.
    for partition in [0, 1] {
        until_metadata(&cluster, partition, "evkafka/1:AAEx").await;
    }
    let second = app(persisting(&cluster), &theirs, &[]);
    theirs.until_len(1).await;
    second.stop().await.unwrap();
    first.stop().await.unwrap();
    let notes = theirs.notes();
    assert!(notes == ["0"] || notes == ["1"] || notes == ["0", "1"], "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_others_is_left_as_it_is() {
    let cluster = cluster(1);
    cluster.send_all((0..20).map(|id| event("OrderCreated", id))).await.unwrap();
    let stranger = stranger(&cluster);
    let commit = move || {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("orders", 0, Offset::Offset(5)).unwrap();
        list.find_partition("orders", 0).unwrap().set_metadata("theirs");
        stranger.commit(&list, CommitMode::Sync).unwrap();
    };
    tokio::task::spawn_blocking(commit).await.unwrap();
    let ledger = Ledger::default();
    let app = app(persisting(&cluster), &ledger, &[]);
    until_committed(&cluster, 20).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.calls().len(), 15);
    assert_eq!(metadata(&cluster, 0).await, "theirs");
}
