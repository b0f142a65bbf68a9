//! What an app says of itself in the log.

use std::time::Duration;

use evkafka::{
    App, Backoff, ConsumerConfig, FailurePolicy, LastStep, Metadata, State, embedded::Event, handler, router,
};

use crate::support::{Ledger, Log, Running, cluster, config, event, until_committed};

#[handler(event = "OrderCreated")]
async fn fails_once(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.note(&meta, id);
    if id == 7 && meta.attempt == 1 { Err("the ledger is closed".to_owned()) } else { Ok(()) }
}

#[handler(event = "OrderCreated")]
async fn always_fails() -> Result<(), String> {
    Err("the ledger is closed for good".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_logged_only_if_something_is_wrong_with_it_and_a_secret_never() {
    let log = Log::capture();
    let cluster = cluster(1);
    cluster.send_all((0..1000).map(|id| event("InventoryCounted", id))).await.unwrap();
    cluster.send_all((0..1000).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)));
    let config = config(&cluster).failure_policy(policy).property("sasl.password", "hunter2");
    let app = App::new("test").state(ledger.clone()).consumer("the-quiet-one", config, router![fails_once]);
    let app = Running::start(app);
    ledger.until_len(1001).await;
    app.stop().await.unwrap();
    let log = log.text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the-quiet-one")).collect();
    assert!(lines.len() < 12, "{lines:#?}");
    let failure =
        lines.iter().find(|line| line.contains("the ledger is closed")).unwrap_or_else(|| panic!("{log}"));
    for part in ["WARN", "topic=orders", "partition=0", "offset=1007", "event=\"OrderCreated\"", "attempt=1"]
    {
        assert!(failure.contains(part), "{part:?} is not in {failure}");
    }
    assert!(!log.contains("hunter2"));
}

/// Properties whose values are secrets, each with a secret of its own.
const SECRETS: &[(&str, &str)] = &[
    ("sasl.kerberos.kinit.cmd", "kinit hunter-cmd"),
    ("sasl.oauthbearer.config", "principal=hunter-principal scope=hunter-scope"),
    ("sasl.oauthbearer.client.secret", "hunter-client"),
    ("sasl.password", "hunter-password"),
    ("sasl.username", "hunter-username"),
    ("ssl.key.password", "hunter-key"),
    ("ssl.keystore.password", "hunter-keystore"),
];

/// The configuration with every secret that it can have, and with all that librdkafka has to tell. What this build of librdkafka
/// has no library for, it refuses.
fn talkative(config: ConsumerConfig) -> ConsumerConfig {
    let config = config.property("debug", "all");
    let accepted = |(name, value): &&(&str, &str)| config.clone().property(*name, value).validate().is_ok();
    let secrets: Vec<_> = SECRETS.iter().filter(accepted).collect();
    assert!(secrets.len() >= 3, "{secrets:?}");
    secrets.into_iter().fold(config, |config, (name, value)| config.property(*name, value))
}

/// How often clients of a consumer have told of a setting that is a secret. None may have told the secret.
fn times_told(consumer: &str) -> usize {
    let log = Log::capture().text();
    let shown: Vec<_> = log.lines().filter(|line| line.contains("hunter-")).collect();
    assert!(shown.is_empty(), "{shown:#?}");
    let tells = |line: &&str| line.contains(consumer) && line.contains(" sasl.kerberos.kinit.cmd = ");
    log.lines().filter(tells).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_logs_a_secret_when_librdkafka_tells_all_it_does() {
    Log::capture();
    let cluster = cluster(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    cluster.send_all((0..3).map(|id| event("OrderCreated", id))).await.unwrap();
    let policy = FailurePolicy::new().attempts(1).dead_letter("orders.dead");
    let config = talkative(config(&cluster).failure_policy(policy));
    let app = App::new("test").consumer("the-talkative-one", config, router![always_fails]);
    let app = Running::start(app);
    until_committed(&cluster, 3).await;
    app.stop().await.unwrap();
    // The member, and the producer of dead letters.
    assert_eq!(times_told("the-talkative-one"), 2, "{}", Log::capture().text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_look_at_a_cluster_logs_no_secret() {
    Log::capture();
    let cluster = cluster(1);
    cluster.broker_down(1).unwrap();
    let config = talkative(config(&cluster)).connect_timeout(Duration::from_secs(1));
    let app = App::new("test").consumer("the-lonely-one", config, router![always_fails]);
    let error = Running::start(app).ends().await.unwrap_err();
    assert!(!format!("{error:?}").contains("hunter-"), "{error:?}");
    assert_eq!(times_told("the-lonely-one"), 1, "{}", Log::capture().text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_does_not_decode_is_logged_without_its_values() {
    #[derive(serde::Deserialize)]
    struct Order {
        #[allow(dead_code, reason = "decoding it is the point")]
        lines: Vec<u64>,
    }

    #[handler(event = "OrderCreated")]
    async fn on_order(_order: Order) {}

    let log = Log::capture();
    let cluster = cluster(1);
    let broken = |payload: &str| {
        Event::new("orders").partition(0).event_type("OrderCreated").payload(payload.to_owned())
    };
    cluster
        .send_all([
            broken(r#"{"lines": [1, 2, "Jane Doe, IBAN DE89370400440532013000"]}"#),
            broken("\0\0\0\0\x2aJane Doe"),
            broken(""),
        ])
        .await
        .unwrap();
    let policy = FailurePolicy::new().last_step(LastStep::Skip);
    let app = App::new("test").consumer(
        "the-discreet-one",
        config(&cluster).failure_policy(policy),
        router![on_order],
    );
    let app = Running::start(app);
    until_committed(&cluster, 3).await;
    app.stop().await.unwrap();
    let log = log.text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the-discreet-one")).collect();
    for part in [
        "`lines[2]`: invalid type: string, expected u64 at line 1",
        "Confluent's wire format (schema id 42)",
        "the payload is empty",
    ] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part:?} is not in {lines:#?}");
    }
    assert!(!log.contains("Jane Doe") && !log.contains("DE89"), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_dropped_says_nothing() {
    let log = Log::capture();
    let cluster = cluster(1);
    let address = cluster.bootstrap_servers().to_owned();
    cluster.send_all((0..3).map(|id| event("OrderCreated", id))).await.unwrap();
    let config = config(&cluster).commit_interval(Duration::from_millis(50));
    let app = App::new("test").state(Ledger::default()).consumer("the-last-one", config, router![fails_once]);
    let app = Running::start(app);
    until_committed(&cluster, 3).await;
    app.stop().await.unwrap();
    assert_eq!(cluster.records("orders").await.unwrap().len(), 3);
    drop(cluster);
    // It is gone when nobody answers any more; what its clients would say of that comes within the time of a few of their looks.
    while std::net::TcpStream::connect(&address).is_ok() {}
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(log.lines_with(&[&address]), [] as [String; 0]);
}

#[handler(event = "OrderCreated")]
async fn fails_at_multiples_of_ten(
    id: u64,
    State(ledger): State<Ledger>,
    meta: Metadata,
) -> Result<(), String> {
    ledger.note(&meta, id);
    if id.is_multiple_of(10) { Err("the ledger is closed".to_owned()) } else { Ok(()) }
}

/// The last line of a consumer that was stopped after so many calls of its handler, or ended by itself, and what its app returned.
async fn last_line(
    consumer: &str,
    configure: impl Fn(ConsumerConfig) -> ConsumerConfig,
    calls: Option<usize>,
) -> (String, evkafka::Result<()>) {
    let log = Log::capture();
    let cluster = cluster(1);
    cluster.send_all((5..35).map(|id| event("OrderCreated", id).key(id.to_string()))).await.unwrap();
    let ledger = Ledger::default();
    let config = configure(config(&cluster));
    let router = router![fails_at_multiples_of_ten];
    let app = Running::start(App::new("test").state(ledger.clone()).consumer(consumer, config, router));
    let result = match calls {
        Some(calls) => {
            ledger.until_len(calls).await;
            app.stop().await
        }
        None => app.ends().await,
    };
    let line = log.lines_with(&[&format!("consumer={consumer} ")]).pop().expect("a line");
    assert!(line.contains("consumer ended"), "{line}");
    (line, result)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_of_a_consumer_says_how_many_records_failures_left_unsettled() {
    let patient = FailurePolicy::new().backoff(Backoff::constant(Duration::from_secs(600)));
    let (line, result) =
        last_line("ends-in-order", |config| config.failure_policy(patient.clone()), Some(6)).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(line.contains("WARN") && line.contains("handled=5 "), "{line}");
    assert!(line.contains("unsettled_failures=1"), "only the record at the front was tried: {line}");

    let by_key = |config: ConsumerConfig| {
        let concurrency = evkafka::Concurrency::PerKey { in_flight: 100 };
        config.failure_policy(patient.clone()).concurrency(concurrency)
    };
    let (line, result) = last_line("ends-by-key", by_key, Some(30)).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(line.contains("handled=27 ") && line.contains("unsettled_failures=3"), "{line}");

    let stops = |config: ConsumerConfig| config.failure_policy(FailurePolicy::new().attempts(1));
    let (line, result) = last_line("ends-at-an-error", stops, None).await;
    assert_eq!(result.unwrap_err().record().map(|record| record.offset), Some(5));
    assert!(line.contains("unsettled_failures=1"), "{line}");

    let skips = FailurePolicy::new().attempts(1).last_step(LastStep::Skip);
    let (line, result) =
        last_line("ends-well", |config| config.failure_policy(skips.clone()), Some(30)).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(
        line.contains("INFO") && line.contains("given_up=3") && line.contains("unsettled_failures=0"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_has_a_value_of_a_record_in_it_whatever_becomes_of_the_record() {
    #[handler(event = "OrderCreated")]
    async fn panics(id: u64) {
        assert!(id != 1, "the ledger is broken");
    }

    let log = Log::capture();
    let cluster = cluster(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    let record = |event: Event| event.partition(0).key("Jane-Key").header("owner", "Jane-Header");
    let event = |event_type: &str| record(Event::new("orders")).event_type(event_type);
    cluster
        .send_all([
            event("OrderCreated").payload("1"),
            event("OrderCreated").payload("\"Jane-Payload\""),
            event("ordercreated").payload("\"Jane-Payload\""),
            record(Event::new("orders")).payload("\"Jane-Payload\"").header("event-type", "Jane-Type"),
        ])
        .await
        .unwrap();
    let policy = FailurePolicy::new()
        .attempts(2)
        .backoff(Backoff::constant(Duration::ZERO))
        .dead_letter("orders.dead");
    let config = config(&cluster).failure_policy(policy).property("debug", "all");
    let app = Running::start(App::new("test").consumer("the-silent-one", config, router![panics]));
    until_committed(&cluster, 4).await;
    app.stop().await.unwrap();
    let lines = log.lines_with(&["the-silent-one"]);
    for part in ["the ledger is broken", "sent to the dead-letter topic", "event=\"ordercreated\""] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part:?} is not in the log");
    }
    let shown: Vec<_> = lines.iter().filter(|line| line.contains("Jane")).collect();
    assert!(shown.is_empty(), "{shown:#?}");
}
