//! What a handler can take, through the whole app.

use std::convert::Infallible;

use evkafka::{
    App, CancellationToken, DecodeError, EventType, Headers, Key, Metadata, Raw, State, Text,
    embedded::Event,
    handle::{Context, FromContext},
    handler, router,
    settle::FailureKind,
};
use serde::Deserialize;

use crate::support::{Ledger, Running, cluster, config, event};

#[derive(Deserialize)]
struct Owned {
    id: u64,
}

#[derive(Deserialize)]
struct Borrowed<'a> {
    sku: &'a str,
}

struct Tenant(String);

impl<'r> FromContext<'r> for Tenant {
    type Rejection = &'static str;

    fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
        let tenant = context.record().headers().get("tenant").ok_or("the record names no tenant")?;
        Ok(Self(String::from_utf8_lossy(tenant).into_owned()))
    }
}

/// Whether the payload lies in the memory that the record was fetched into.
struct Borrows(bool);

impl<'r> FromContext<'r> for Borrows {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Infallible> {
        Ok(Self(context.record().payload().is_some()))
    }
}

#[handler(event = "Owned")]
async fn owned(State(ledger): State<Ledger>, event: Owned, meta: Metadata) {
    ledger.note(&meta, format!("owned {}", event.id));
}

#[handler(event = "Borrowed")]
async fn borrowed(
    event: Borrowed<'_>,
    Borrows(borrows): Borrows,
    State(ledger): State<Ledger>,
    meta: Metadata,
) {
    tokio::task::yield_now().await;
    ledger.note(&meta, format!("borrowed {} {borrows}", event.sku));
}

#[handler(event = "Bytes")]
async fn bytes(Raw(raw): Raw<'_>, Key(key): Key<'_>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("bytes {raw:?} {key:?}"));
}

#[handler(event = "Text")]
async fn text(Text(text): Text<'_>, headers: Headers<'_>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("text {text} {:?}", headers.get("trace")));
}

#[handler(event = "Deleted")]
async fn tombstone(event: Option<Owned>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("deleted {:?}", event.map(|event| event.id)));
}

#[handler(event = "Fallible")]
async fn fallible(event: Result<Owned, DecodeError>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(
        &meta,
        format!("fallible {}", event.map_or_else(|error| error.to_string(), |o| o.id.to_string())),
    );
}

#[handler(event = ["Created", "Updated"])]
async fn several(
    EventType(event): EventType<'_>,
    token: CancellationToken,
    State(ledger): State<Ledger>,
    meta: Metadata,
) {
    ledger.note(&meta, format!("several {event} {}", token.is_cancelled()));
}

#[handler(event = "Tenanted")]
async fn tenanted(tenant: Tenant, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("tenant {}", tenant.0));
}

#[handler(event = "Plain")]
fn plain(event: Owned, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    let blocking = std::thread::current().name().is_some_and(|name| name == "evkafka-blocking");
    ledger.note(&meta, format!("plain {} {blocking}", event.id));
    Ok(())
}

#[handler(fallback)]
async fn rest(event: Option<EventType<'_>>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("rest {:?}", event.map(|event| event.0.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_extractor_gets_what_it_asks_for() {
    let cluster = cluster(1);
    let to = |event_type: &str| Event::new("orders").partition(0).event_type(event_type);
    let events = [
        to("Owned").payload(r#"{"id":1}"#),
        to("Borrowed").payload(r#"{"sku":"sku-2"}"#),
        to("Bytes").payload([3, 0, 255]).key([9]),
        to("Text").payload("grüße").header("trace", "a").header("trace", "b"),
        to("Deleted"),
        to("Deleted").payload(r#"{"id":6}"#),
        to("Deleted").payload("null"),
        to("Fallible").payload(r#"{"id":7}"#),
        to("Fallible").payload("{"),
        to("Created"),
        to("Updated").payload("ignored"),
        to("Tenanted").header("tenant", "acme"),
        to("Plain").payload(r#"{"id":12}"#),
        to("Unknown"),
        Event::new("orders").partition(0),
        Event::new("orders").partition(0).header("Event-Type", [0xff]),
    ];
    cluster.send_all(events).await.unwrap();
    let ledger = Ledger::default();
    let handlers = router![owned, borrowed, bytes, text, tombstone, fallible, several, tenanted, plain, rest];
    let app = App::new("test").state(ledger.clone()).consumer("orders", config(&cluster), handlers);
    let app = Running::start(app);
    ledger.until_len(16).await;
    app.stop().await.unwrap();
    assert_eq!(
        ledger.notes(),
        [
            "owned 1",
            "borrowed sku-2 true",
            "bytes [3, 0, 255] Some([9])",
            "text grüße Some([98])",
            "deleted None",
            "deleted Some(6)",
            "deleted None",
            "fallible 7",
            "fallible the payload is not a valid `Owned`",
            "several Created false",
            "several Updated false",
            "tenant acme",
            "plain 12 true",
            "rest Some(\"Unknown\")",
            "rest None",
            "rest None",
        ]
    );
    let meta = &ledger.calls()[0];
    assert_eq!((meta.consumer.as_str(), meta.partition, meta.offset, meta.attempt), ("orders", 0, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extractor_that_rejects_a_record_is_like_a_payload_that_does_not_decode() {
    let cluster = cluster(1);
    cluster.send(event("Tenanted", 1)).await.unwrap();
    let app =
        App::new("test").state(Ledger::default()).consumer("orders", config(&cluster), router![tenanted]);
    let error = Running::start(app).ends().await.unwrap_err();
    let failure = &error.record().unwrap().failure;
    assert_eq!(failure.kind(), FailureKind::Undecodable);
    assert_eq!(failure.cause().to_string(), "the record names no tenant");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_that_names_the_event_is_a_setting() {
    let cluster = cluster(1);
    let event = Event::new("orders").partition(0).header("type", "Owned").payload(r#"{"id":1}"#);
    cluster.send_all([event.clone().event_type("Plain"), event]).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).event_type_header("type"),
        router![owned, plain],
    );
    let app = Running::start(app);
    ledger.until_len(2).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["owned 1", "owned 1"]);
}
