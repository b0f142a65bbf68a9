//! Whatever a producer can send leaves the consumer standing.

use evkafka::{
    __private::testing::BareEngine, App, ConsumerConfig, FailurePolicy, LastStep, Metadata, State,
    embedded::Event, handler, record::OwnedRecord, router,
};
use proptest::prelude::*;
use serde::Deserialize;

use crate::support::{Ledger, Running, cluster, config, event};

#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    #[allow(dead_code, reason = "decoding it is the point")]
    sku: &'a str,
    #[allow(dead_code, reason = "decoding it is the point")]
    lines: Vec<f64>,
}

#[handler(event = "Order")]
async fn on_order(_order: Order<'_>) {}

#[handler(event = "Any")]
async fn on_any(_any: serde_json::Value) {}

#[handler(event = "End")]
async fn on_end(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, "end");
}

fn hostile() -> Vec<Event> {
    let to = |event_type: &str| Event::new("orders").partition(0).event_type(event_type);
    let mut events = Vec::new();
    for name in ["Order", "Any"] {
        events.extend([
            to(name),
            to(name).payload(""),
            to(name).key("").payload("\u{feff}{}"),
            to(name).payload("[".repeat(100_000)),
            to(name).payload(r#"{"sku":"a","#.repeat(5_000)),
            to(name).payload(r#"{"sku":"a","lines":[1e999999,NaN]}"#),
            to(name).payload(&b"{\"sku\":\"\xff\xfe\",\"lines\":[]}"[..]),
            to(name).payload(r#"{"sku":"\ud800","lines":[]}"#),
            to(name).payload(vec![0; 10_000]),
            to(name).payload("{} trailing"),
            to(name).key(vec![0xff; 50_000]).payload("{}"),
        ]);
    }
    let plain = || Event::new("orders").partition(0);
    events.extend([
        plain(),
        plain().event_type(""),
        plain().null_header("Event-Type"),
        plain().header("", "x").header("", "y"),
        plain().header("Event-Type", "Order").header("Event-Type", "Nothing"),
        plain().header("Event-Type", vec![b'E'; 100_000]),
        plain().header("Event-Type", [0, 159, 146, 150]),
        plain().header("Ève\u{7f}\u{1}\n", "x"),
        plain().header([0xff, 0xfe], "not UTF-8").header("Event-Type", "Nothing"),
        plain().header([b'E', 0x80], [0x80]).null_header([0xc3]),
        (0..2_000).fold(plain(), |event, i| event.header(format!("h{i}"), "x")),
    ]);
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_stops_the_consumer_and_each_is_accounted_for() {
    let cluster = cluster(1);
    let events = hostile();
    let sent = i64::try_from(events.len()).unwrap();
    cluster.send_all(events).await.unwrap();
    cluster.send(event("End", 0)).await.unwrap();
    let ledger = Ledger::default();
    let policy = FailurePolicy::new().last_step(LastStep::Skip);
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(policy),
        router![on_order, on_any, on_end],
    );
    let app = Running::start(app);
    ledger.until_len(1).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.offsets(), [sent]);
    assert_eq!(crate::support::committed(&cluster).await, Some(sent + 1));
}

fn any_header() -> impl Strategy<Value = (Vec<u8>, Option<Vec<u8>>)> {
    let name = prop_oneof![Just(b"Event-Type".to_vec()), prop::collection::vec(any::<u8>(), 0..12)];
    let value = prop_oneof![
        Just(b"Order".to_vec()),
        Just(b"Any".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    (name, prop::option::of(value))
}

proptest! {
    /// Headers, key and payload of any bytes go through routing and decoding: a record is handled exactly if its last
    /// event-type header names a handler and its payload is what that handler takes.
    #[test]
    fn any_record_is_skipped_handled_or_given_up(
        headers in prop::collection::vec(any_header(), 0..6),
        key in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        payload in prop::option::of(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[\\[\\]{}\",:a-z0-9. \\\\-]{0,80}".prop_map(String::into_bytes),
            Just(br#"{"sku":"a","lines":[1.5]}"#.to_vec()),
        ]),
    ) {
        let mut record = OwnedRecord::new("orders", 0, 0);
        for (name, value) in &headers {
            record = match value {
                Some(value) => record.header(name.clone(), value.clone()),
                None => record.null_header(name.clone()),
            };
        }
        if let Some(key) = key { record = record.key(key); }
        if let Some(payload) = &payload { record = record.payload(payload.clone()); }
        let event = headers.iter().rfind(|(name, _)| name == b"Event-Type").and_then(|(_, value)| value.as_deref());
        let decodes = match event {
            Some(b"Order") => payload.as_deref().is_some_and(|p| serde_json::from_slice::<Order<'_>>(p).is_ok()),
            Some(b"Any") => payload.as_deref().is_none_or(|p| serde_json::from_slice::<serde_json::Value>(p).is_ok()),
            _ => false,
        };
        let config = ConsumerConfig::new(["orders"]).failure_policy(FailurePolicy::new().last_step(LastStep::Skip));
        let engine = BareEngine::new(router![on_order, on_any], &config);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert_eq!(runtime.block_on(engine.settle(&record)), decodes);
    }
}
