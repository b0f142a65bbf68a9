//! Where lanes begin, when brokers do not say at once.

use std::{sync::Arc, time::Duration};

use evkafka::{App, ConsumerConfig, Metadata, OffsetReset, State, handler, router};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use tokio::{sync::Semaphore, time::timeout};

use crate::support::{
    DEADLINE, Ledger, Log, Running, committed_of, committed_of_topic, send_to, send_to_partition,
};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

type Mock = MockCluster<'static, DefaultProducerContext>;

fn mock(partitions: i32) -> Mock {
    let mock = MockCluster::new(1).expect("a cluster");
    mock.create_topic("orders", partitions, 1).expect("a topic");
    mock
}

fn config(servers: &str) -> ConsumerConfig {
    ConsumerConfig::new(["orders"])
        .bootstrap_servers(servers)
        .group_id("billing")
        .property("session.timeout.ms", 3000)
        .property("heartbeat.interval.ms", 300)
}

/// Both of us ask: the client, which is told once what it does not ask again for, and evkafka, which does.
async fn what_is_committed_is_not_told_at_once(code: RDKafkaRespErr, strategy: &str) {
    let mock = mock(1);
    let servers = mock.bootstrap_servers();
    send_to(&servers, "OrderCreated", 0..3).await;
    mock.request_errors(RDKafkaApiKey::OffsetFetch, &[code; 2]);
    let ledger = Ledger::default();
    let config = config(&servers).property("partition.assignment.strategy", strategy);
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let app = Running::start(app);
    ledger.until_len(3).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["0", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_read_although_the_coordinator_had_moved_when_it_was_asked_for_offsets() {
    what_is_committed_is_not_told_at_once(
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        "cooperative-sticky",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_read_although_the_coordinator_had_failed_when_it_was_asked_for_offsets() {
    what_is_committed_is_not_told_at_once(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN, "range").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_without_a_leader_keeps_no_other_from_beginning_at_its_end() {
    let mock = mock(2);
    let servers = mock.bootstrap_servers();
    mock.partition_leader("orders", 1, None).unwrap();
    let ledger = Ledger::default();
    let config =
        config(&servers).auto_offset_reset(OffsetReset::Latest).commit_interval(Duration::from_millis(50));
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![on_order]);
    let app = Running::start(app);
    let has_begun = async { while committed_of(&servers, 0).await.is_none() {} };
    timeout(DEADLINE, has_begun).await.expect("where it begins is committed");
    send_to_partition(&servers, 0, "OrderCreated", 0..1).await;
    ledger.until_len(1).await;
    mock.partition_leader("orders", 1, Some(1)).unwrap();
    let has_begun = async { while committed_of(&servers, 1).await.is_none() {} };
    timeout(DEADLINE, has_begun).await.expect("where it begins is committed");
    send_to_partition(&servers, 1, "OrderCreated", 1..2).await;
    ledger.until_len(2).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["0", "1"]);
}

/// Waits for the gate before it is done.
#[handler(event = "OrderCreated")]
async fn gated(id: u64, State(gate): State<Arc<Semaphore>>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
    let _permit = gate.acquire().await;
}

/// What was found out for a partition that was given up is not for the lane that reads it when it has come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_went_and_came_back_while_another_waited_is_read_on_where_it_was() {
    const RECORDS: u64 = 600;
    let mock = mock(1);
    mock.create_topic("refunds", 1, 1).expect("a topic");
    let servers = mock.bootstrap_servers();
    mock.partition_leader("refunds", 0, None).unwrap();
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let start = |name: &str, topics: &[&str]| {
        let config = ConsumerConfig::new(topics.iter().copied())
            .bootstrap_servers(&servers)
            .group_id("billing")
            .property("session.timeout.ms", 3000)
            .property("heartbeat.interval.ms", 300)
            .auto_offset_reset(OffsetReset::Latest)
            .commit_interval(Duration::from_millis(50));
        let app = App::new("test").state(ledger.clone()).state(Arc::clone(&gate));
        Running::start(app.consumer(name, config, router![gated]))
    };
    let log = Log::capture();
    let first = start("keeps-refunds", &["orders", "refunds"]);
    log.until_line_with(&["partitions assigned", "keeps-refunds", "orders[0]"]).await;
    let second = start("borrows-orders", &["orders"]);
    log.until_line_with(&["partitions assigned", "borrows-orders", "orders[0]"]).await;
    let has_begun = async { while committed_of(&servers, 0).await.is_none() {} };
    timeout(DEADLINE, has_begun).await.expect("where it begins is committed");
    second.stop().await.unwrap();
    send_to(&servers, "OrderCreated", 0..RECORDS).await;
    ledger.until_len(1).await;
    mock.partition_leader("refunds", 0, Some(1)).unwrap();
    let refunds = async { while committed_of_topic(&servers, "refunds", 0).await.is_none() {} };
    timeout(DEADLINE, refunds).await.expect("where it begins is committed");
    gate.add_permits(1);
    ledger.until_len(RECORDS as usize).await;
    first.stop().await.unwrap();
    assert_eq!(ledger.offsets(), (0..RECORDS as i64).collect::<Vec<_>>());
}
