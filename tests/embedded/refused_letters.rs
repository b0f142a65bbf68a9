//! Dead letters that brokers do not take, at once or at all.

use std::time::{Duration, Instant};

use evkafka::{
    App, Backoff, ConsumerConfig, FailurePolicy, Metadata, Raw, State, embedded::Event, error::ErrorKind,
    handler, router,
};
use evkafka_tests::noise;
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use crate::support::{
    Ledger, Log, Running, cluster, committed_at, config, send_to, send_to_partition, until_committed,
};

#[handler(event = "OrderCreated")]
async fn always_fails(State(ledger): State<Ledger>, meta: Metadata) -> Result<(), &'static str> {
    ledger.note(&meta, format!("{} fails", meta.consumer));
    Err("the ledger is closed")
}

#[handler(fallback)]
async fn reads(payload: Option<Raw<'_>>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("{} bytes", payload.map_or(0, |payload| payload.0.len())));
}

fn dead_letters() -> FailurePolicy {
    FailurePolicy::new()
        .attempts(1)
        .backoff(Backoff::constant(Duration::from_millis(5)))
        .dead_letter("orders.dead")
}

type Mock = MockCluster<'static, DefaultProducerContext>;

/// A cluster whose answers can be chosen, with topics of so many partitions.
fn mock(partitions: i32) -> (Mock, String) {
    let mock = MockCluster::new(1).expect("a cluster");
    mock.create_topic("orders", partitions, 1).expect("a topic");
    mock.create_topic("orders.dead", 1, 1).expect("a topic");
    let servers = mock.bootstrap_servers();
    (mock, servers)
}

/// A consumer whose records all become dead letters.
fn failing(servers: &str, ledger: &Ledger) -> App {
    let config = ConsumerConfig::new(["orders"])
        .bootstrap_servers(servers)
        .group_id("billing")
        .property("session.timeout.ms", 3000)
        .property("heartbeat.interval.ms", 300)
        .failure_policy(dead_letters());
    App::new("test").state(ledger.clone()).consumer("orders", config, router![always_fails])
}

/// A reader of the dead letters.
fn reader(servers: &str, dead: &Ledger) -> Running {
    let config = ConsumerConfig::new(["orders.dead"]).bootstrap_servers(servers).group_id("undertaker");
    Running::start(App::new("reader").state(dead.clone()).consumer("dead", config, router![reads]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_any_size_that_was_received_can_become_a_dead_letter() {
    let cluster = cluster(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    let sizes = [1_040_000, 3_000_000];
    for size in sizes {
        let event = Event::new("orders").partition(0).event_type("OrderCreated").payload(noise(size));
        cluster.send(event).await.unwrap();
    }
    let long_type = vec![b'E'; 600_000];
    cluster.send(Event::new("orders").partition(0).event_type(long_type).payload("x")).await.unwrap();
    let (ledger, dead) = (Ledger::default(), Ledger::default());
    let app = Running::start(App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(dead_letters()),
        router![fails_whatever_it_is],
    ));
    until_committed(&cluster, 3).await;
    let reader = reader(cluster.bootstrap_servers(), &dead);
    dead.until_len(3).await;
    app.stop().await.unwrap();
    reader.stop().await.unwrap();
    assert_eq!(dead.notes(), ["1040000 bytes", "3000000 bytes", "1 bytes"]);
}

#[handler(fallback)]
async fn fails_whatever_it_is() -> Result<(), &'static str> {
    Err("the ledger is closed")
}

/// How an app ends whose dead letter is refused with this error, and what it has committed then.
async fn refused_with(error: RDKafkaRespErr) -> (evkafka::Error, Option<i64>) {
    let (mock, servers) = mock(1);
    send_to(&servers, "OrderCreated", 0..1).await;
    // Also when it is sent by itself.
    mock.request_errors(RDKafkaApiKey::Produce, &[error, error]);
    let app = Running::start(failing(&servers, &Ledger::default()));
    let error = app.ends().await.expect_err("the dead letter is refused");
    (error, committed_at(&servers).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_refused_for_good_ends_the_app_and_nothing_is_committed() {
    for (code, advice) in [
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            "`max.message.bytes` of the topic `orders.dead`",
        ),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD, "`cleanup.policy` of `orders.dead`"),
    ] {
        let (error, committed) = refused_with(code).await;
        assert_eq!(error.kind(), ErrorKind::Record, "{error:?}");
        let text = error.to_string();
        assert!(text.contains("`orders.dead` does not take the record at orders[0] offset 0"), "{text}");
        assert!(text.contains("event `OrderCreated`") && text.contains(advice), "{text}");
        assert!(std::error::Error::source(&error).is_some(), "{text}");
        let record = error.record().expect("a record");
        assert_eq!(
            (record.offset, record.failure.cause().to_string()),
            (0, "the ledger is closed".to_owned())
        );
        assert_ne!(committed, Some(1), "{text}");
    }
}

/// A record becomes a dead letter though a request is first answered with these errors, and the app goes on.
async fn is_sent_after(request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
    let (mock, servers) = mock(1);
    send_to(&servers, "OrderCreated", 0..1).await;
    mock.request_errors(request, errors);
    let (ledger, dead) = (Ledger::default(), Ledger::default());
    let app = Running::start(failing(&servers, &ledger));
    let reader = reader(&servers, &dead);
    dead.until_len(1).await;
    app.stop().await.unwrap();
    reader.stop().await.unwrap();
    assert_eq!((ledger.calls().len(), committed_at(&servers).await), (1, Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_waits_for_a_permission_that_is_granted_soon() {
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    is_sent_after(RDKafkaApiKey::Produce, &[denied, denied]).await;
}

/// Brokers refuse a batch that is too large for a topic, or has a record that breaks its rules, with all records, whatever they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_sent_by_itself_if_its_batch_was_refused() {
    for refused in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD,
    ] {
        is_sent_after(RDKafkaApiKey::Produce, &[refused]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_met_a_fatal_error_is_replaced() {
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    is_sent_after(RDKafkaApiKey::InitProducerId, &[denied]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_producer_is_logged_once() {
    let log = Log::capture();
    let (mock, servers) = mock(1);
    send_to(&servers, "OrderCreated", 0..1).await;
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::InitProducerId, &[denied]);
    let config = ConsumerConfig::new(["orders"])
        .bootstrap_servers(&servers)
        .group_id("billing")
        .failure_policy(dead_letters());
    let app = App::new("test").state(Ledger::default());
    let app = Running::start(app.consumer("the-denied-one", config, router![always_fails]));
    let dead = Ledger::default();
    let reader = reader(&servers, &dead);
    dead.until_len(1).await;
    app.stop().await.unwrap();
    reader.stop().await.unwrap();
    let lines = log.lines_with(&["the-denied-one", "the producer reports an error", "idempotence PID"]);
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

/// Has no dead letter acknowledged, though each is taken for one that will be.
fn holds_dead_letters(mock: &Mock) {
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 100_000];
    mock.request_errors(RDKafkaApiKey::Produce, &errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_does_not_wait_for_a_dead_letter_that_nobody_acknowledges() {
    let (mock, servers) = mock(1);
    send_to(&servers, "OrderCreated", 0..1).await;
    holds_dead_letters(&mock);
    let ledger = Ledger::default();
    // Only a test that fails waits so long.
    let app = Running::start(failing(&servers, &ledger).shutdown_timeout(Duration::from_secs(1000)));
    ledger.until_len(1).await;
    app.stop().await.unwrap();
    assert_ne!(committed_at(&servers).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_does_not_wait_for_a_dead_letter_that_nobody_acknowledges() {
    let (mock, servers) = mock(2);
    for partition in 0..2 {
        send_to_partition(&servers, partition, "OrderCreated", 0..1).await;
    }
    holds_dead_letters(&mock);
    let ledger = Ledger::default();
    let start = |name| {
        let config = ConsumerConfig::new(["orders"])
            .bootstrap_servers(&servers)
            .group_id("billing")
            .property("session.timeout.ms", 3000)
            .property("heartbeat.interval.ms", 300)
            .property("max.poll.interval.ms", 2_000_000)
            // Only a test that fails waits so long.
            .revoke_grace(Duration::from_secs(1000))
            .failure_policy(dead_letters());
        let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(1000));
        Running::start(app.consumer(name, config, router![always_fails]))
    };
    let first = start("first");
    ledger.until_len(2).await;
    let second = start("second");
    ledger.until(|calls| calls.iter().any(|call| call.consumer == "second")).await;
    mock.clear_request_errors(RDKafkaApiKey::Produce);
    let dead = Ledger::default();
    let reader = reader(&servers, &dead);
    dead.until_len(2).await;
    first.stop().await.unwrap();
    second.stop().await.unwrap();
    reader.stop().await.unwrap();
    let calls = ledger.calls();
    assert_eq!(
        calls.len(),
        3,
        "a member that was not heard of meanwhile would have lost both partitions: {calls:?}"
    );
}

#[handler(event = "OrderCreated", batch(max = 100, within = "30s"))]
async fn a_batch_fails(
    _ids: Vec<u64>,
    State(ledger): State<Ledger>,
    metas: Vec<Metadata>,
) -> Result<(), &'static str> {
    ledger.note(&metas[0], metas.len());
    Err("the ledger is closed")
}

/// A lane that is stopped has half a second for all of them together.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_does_not_wait_for_all_dead_letters_of_a_batch() {
    let (mock, servers) = mock(1);
    send_to(&servers, "OrderCreated", 0..100).await;
    holds_dead_letters(&mock);
    let ledger = Ledger::default();
    let config = ConsumerConfig::new(["orders"])
        .bootstrap_servers(&servers)
        .group_id("billing")
        .failure_policy(dead_letters());
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(1000));
    let app = Running::start(app.consumer("orders", config, router![a_batch_fails]));
    ledger.until_len(1).await;
    let begun = Instant::now();
    app.stop().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(100), "it took {:?}", begun.elapsed());
    assert_eq!(ledger.notes(), ["100"]);
    assert!(committed_at(&servers).await.is_none_or(|committed| committed == 0));
}
