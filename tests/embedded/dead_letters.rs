//! Records that no further attempt is made at, sent to a topic of their own.

use std::time::Duration;

use evkafka::{
    App, Backoff, FailurePolicy, Headers, Key, Metadata, Raw, State,
    embedded::{Cluster, Event},
    error::ErrorKind,
    handler, router,
};

use crate::support::{Ledger, Running, cluster, committed, config, event, until_committed};

#[handler(event = "OrderCreated")]
async fn always_fails(_id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), &'static str> {
    ledger.note(&meta, "failed");
    Err("the ledger is closed")
}

/// Notes a dead letter: key, payload and headers as text.
#[handler(fallback)]
async fn reads_dead_letter(
    Key(key): Key<'_>,
    payload: Option<Raw<'_>>,
    headers: Headers<'_>,
    State(ledger): State<Ledger>,
    meta: Metadata,
) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{}={}", text(name), value.map_or("null".to_owned(), text)))
        .collect();
    ledger.note(
        &meta,
        format!("{:?} {:?} {}", key.map(text), payload.map(|raw| text(raw.0)), headers.join(";")),
    );
}

fn dead_letters() -> FailurePolicy {
    FailurePolicy::new()
        .attempts(2)
        .backoff(Backoff::constant(Duration::from_millis(5)))
        .dead_letter("orders.dead")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_the_record_and_says_what_became_of_it() {
    let cluster = cluster(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    let failing = event("OrderCreated", 7).key("k").header("trace", "abc").null_header("nothing");
    let undecodable = Event::new("orders").partition(0).event_type("OrderCreated");
    cluster.send_all([failing, undecodable, event("Other", 1)]).await.unwrap();
    let (ledger, dead) = (Ledger::default(), Ledger::default());
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(dead_letters()),
        router![always_fails],
    );
    let reader = reader(&cluster, &dead);
    let app = Running::start(app);
    dead.until_len(2).await;
    app.stop().await.unwrap();
    reader.stop().await.unwrap();
    assert_eq!(ledger.calls().len(), 2, "two attempts at what fails, none at what does not decode");
    assert_eq!(committed(&cluster).await, Some(3));
    let without_times = |note: &str| {
        let kept: Vec<&str> = note.split(';').filter(|part| !part.starts_with("dead-letter-time")).collect();
        kept.join(";")
    };
    assert_eq!(
        dead.notes().iter().map(|note| without_times(note)).collect::<Vec<_>>(),
        [
            "Some(\"k\") Some(\"7\") Event-Type=OrderCreated;trace=abc;nothing=null;dead-letter-topic=orders;\
             dead-letter-partition=0;dead-letter-offset=0;dead-letter-path=orders,orders.dead;dead-letter-consumer=orders;dead-letter-group=billing;\
             dead-letter-event=OrderCreated;dead-letter-handler=embedded::dead_letters::always_fails;\
             dead-letter-attempts=2;dead-letter-error=the handler failed: the ledger is closed",
            "None None Event-Type=OrderCreated;dead-letter-topic=orders;dead-letter-partition=0;dead-letter-offset=1;\
             dead-letter-path=orders,orders.dead;dead-letter-consumer=orders;dead-letter-group=billing;dead-letter-event=OrderCreated;\
             dead-letter-handler=embedded::dead_letters::always_fails;dead-letter-attempts=1;\
             dead-letter-error=the record could not be decoded: the payload is null, and `u64` needs a value (take \
             `Option<u64>`)",
        ]
    );
}

/// An app that reads the dead letters of `orders.dead`.
fn reader(cluster: &Cluster, dead: &Ledger) -> Running {
    let config = evkafka::ConsumerConfig::new(["orders.dead"])
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("undertaker");
    Running::start(App::new("reader").state(dead.clone()).consumer(
        "dead",
        config,
        router![reads_dead_letter],
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_name_with_a_nul_byte_is_no_other_name_and_reaches_the_dead_letter_whole() {
    let cluster = cluster(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    let failing = event("OrderCreated", 7)
        .header("Event-Type\0-of-somebody-else", "Other")
        .null_header("Event-Type\0-and-null");
    cluster.send(failing).await.unwrap();
    let (ledger, dead) = (Ledger::default(), Ledger::default());
    let app = Running::start(App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(dead_letters()),
        router![always_fails],
    ));
    let reader = reader(&cluster, &dead);
    until_committed(&cluster, 1).await;
    assert_eq!(ledger.calls().len(), 2, "it is routed by its own event type");
    dead.until_len(1).await;
    app.stop().await.unwrap();
    reader.stop().await.unwrap();
    let own = "None Some(\"7\") Event-Type=OrderCreated;Event-Type\0-of-somebody-else=Other;Event-Type\0-and-null=null;";
    assert!(dead.notes()[0].starts_with(own), "{:?}", dead.notes()[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_for_dead_letters_is_refused_at_the_start() {
    let cluster = cluster(1);
    let app = App::new("test").state(Ledger::default()).consumer(
        "orders",
        config(&cluster).failure_policy(dead_letters()),
        router![always_fails],
    );
    let error = app.run_until(std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingTopic);
    assert!(error.to_string().contains("`orders.dead`"), "{error}");
}
