//! Where lanes begin, when brokers do not say at once.

use evkafka::{App, ConsumerConfig, Metadata, State, handler, router};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use crate::support::{Ledger, Running, send_to};

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
async fn what_is_committed_is_not_told_at_once(code: RDKafkaRespErr) {
    let mock = mock(1);
    let servers = mock.bootstrap_servers();
    send_to(&servers, "OrderCreated", 0..3).await;
    mock.request_errors(RDKafkaApiKey::OffsetFetch, &[code; 2]);
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("orders", config(&servers), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(3).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["0", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_read_although_the_coordinator_had_moved_when_it_was_asked_for_offsets() {
    what_is_committed_is_not_told_at_once(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_read_although_the_coordinator_had_failed_when_it_was_asked_for_offsets() {
    what_is_committed_is_not_told_at_once(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN).await;
}
