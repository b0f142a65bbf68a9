//! What brokers take as dead letters, and what they refuse.

use std::time::{Duration, Instant};

use evkafka::{App, Backoff, ConsumerConfig, FailurePolicy, Result, error::ErrorKind, handler, router};
use evkafka_tests::{
    kafka::{self, Cluster, Record},
    noise,
};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use crate::harness::read;

/// Only a test that fails waits so long.
const DEADLINE: Duration = Duration::from_secs(120);

#[handler(fallback)]
async fn always_fails() -> std::result::Result<(), &'static str> {
    Err("the ledger is closed")
}

/// An app whose records all become dead letters.
struct Failing {
    stop: oneshot::Sender<()>,
    app: JoinHandle<Result<()>>,
}

impl Failing {
    fn start(brokers: &str, topic: &str, dead: &str) -> Self {
        let policy = FailurePolicy::new()
            .attempts(1)
            .backoff(Backoff::constant(Duration::from_millis(5)))
            .dead_letter(dead);
        let config = ConsumerConfig::new([topic])
            .bootstrap_servers(brokers)
            .group_id(kafka::unique("failing"))
            .failure_policy(policy);
        let (stop, stopped) = oneshot::channel();
        let app = App::new("test").consumer("orders", config, router![always_fails]);
        let app = tokio::spawn(app.run_until(async {
            let _ = stopped.await;
        }));
        Self { stop, app }
    }

    async fn stop(self) {
        self.stop.send(()).expect("it runs");
        timeout(DEADLINE, self.app).await.expect("it ends").expect("no panic").expect("it ends in order");
    }

    async fn fails(self) -> evkafka::Error {
        let ended = timeout(DEADLINE, self.app).await.expect("it ends").expect("no panic");
        drop(self.stop);
        ended.expect_err("its dead letter is refused")
    }
}

/// Sends one record as other producers do: compressed, and so larger than the topic's limit.
async fn send(brokers: &str, topic: &str, compression: &str, payload: &[u8]) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.type", compression)
        .set("message.max.bytes", "100000000")
        .create()
        .expect("a producer");
    let headers = OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some("OrderCreated") });
    let record = FutureRecord::<(), _>::to(topic).headers(headers).payload(payload);
    producer.send(record, DEADLINE).await.expect("the broker takes it");
}

/// Orders as JSON, of which gzip makes less than a third.
fn orders(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state >> 40
    };
    let mut orders = Vec::with_capacity(len + 200);
    while orders.len() < len {
        let order = format!(
            r#"{{"order":"{:06x}","sku":"sku-{:05}","amount_cents":{}}},"#,
            next(),
            next() % 50_000,
            next()
        );
        orders.extend_from_slice(order.as_bytes());
    }
    orders.truncate(len);
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_takes_as_dead_letter_what_its_like_took_as_a_record() {
    let brokers = kafka::brokers();
    let (topic, dead) = (kafka::create_topic(&brokers, "large", 1), kafka::create_topic(&brokers, "dead", 1));
    let records = [("gzip", orders(3_000_000)), ("none", noise(1_040_000)), ("lz4", orders(1_500_000))];
    for (compression, payload) in &records {
        send(&brokers, &topic, compression, payload).await;
    }
    let app = Failing::start(&brokers, &topic, &dead);
    let letters = {
        let (brokers, dead) = (brokers.clone(), dead.clone());
        tokio::task::spawn_blocking(move || read(&brokers, &dead, 3)).await.expect("no panic")
    };
    app.stop().await;
    for (letter, (_, payload)) in letters.iter().zip(&records) {
        assert!(letter.1.as_deref() == Some(payload), "{:?} bytes", letter.1.as_ref().map(Vec::len));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_too_large_names_the_topics_limit() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "large", 1);
    let dead = kafka::create_topic_with(&brokers, "dead", 1, &[("max.message.bytes", "100000")]);
    send(&brokers, &topic, "none", &noise(200_000)).await;
    let error = Failing::start(&brokers, &topic, &dead).fails().await;
    assert_eq!(error.kind(), ErrorKind::Record, "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&format!("{topic}[0] offset 0, event `OrderCreated`")), "{text}");
    assert!(text.contains(&format!("raise `max.message.bytes` of the topic `{dead}`")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_topic_takes_no_dead_letter_without_a_key_and_the_error_says_so() {
    let brokers = kafka::brokers();
    let topic = kafka::create_topic(&brokers, "keyless", 1);
    let dead = kafka::create_topic_with(&brokers, "dead", 1, &[("cleanup.policy", "compact")]);
    kafka::produce(&brokers, &topic, [Record::new("1").header("Event-Type", "OrderCreated")]);
    let error = Failing::start(&brokers, &topic, &dead).fails().await.to_string();
    assert!(error.contains(&format!("set `cleanup.policy` of `{dead}` to `delete`")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_waits_for_the_permission_to_write_and_the_app_ends_without_it() {
    let cluster = Cluster::start_with_acls("denied");
    let brokers = cluster.bootstrap();
    let topic = kafka::create_topic(brokers, "denied", 1);
    let dead = kafka::create_topic(brokers, "dead", 1);
    kafka::produce(brokers, &topic, [Record::new("1").header("Event-Type", "OrderCreated")]);
    kafka::allow_only_reading(brokers, &dead);
    let begun = Instant::now();
    let error = Failing::start(brokers, &topic, &dead).fails().await;
    assert_eq!(error.kind(), ErrorKind::Record, "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&format!("grant the user WRITE on the topic `{dead}`")), "{text}");
    assert!(begun.elapsed() > Duration::from_secs(30), "{:?}", begun.elapsed());

    let app = Failing::start(brokers, &topic, &dead);
    kafka::allow_writing(brokers, &dead);
    let letters = {
        let (brokers, dead) = (brokers.to_owned(), dead.clone());
        tokio::task::spawn_blocking(move || read(&brokers, &dead, 1)).await.expect("no panic")
    };
    assert_eq!(letters[0].1.as_deref(), Some(&b"1"[..]));
    app.stop().await;
}
