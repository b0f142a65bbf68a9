//! A record of any event type and any payload gets to the handler that it names, and no other, decoded as serde_json does it; what is
//! wrong with it is said in one short line.
//!
//! Input: the event type, a line break, the payload; without a line break the payload is null.
#![no_main]

use std::{
    borrow::Cow,
    collections::BTreeMap,
    error::Error,
    fmt::Debug,
    pin::pin,
    task::{Context, Poll, Waker},
};

use evkafka::{
    __private::testing::BareEngine, ConsumerConfig, DecodeError, EventType, FailurePolicy, LastStep, Raw,
    handler, record::OwnedRecord, router,
};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Owned {
    id: u64,
    sku: String,
    price: Option<f64>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Borrowed<'r> {
    id: i32,
    sku: &'r str,
    #[serde(borrow)]
    note: Option<Cow<'r, str>>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Nested<'r> {
    #[serde(borrow)]
    first: Borrowed<'r>,
    paid: Option<Payment>,
    lines: Vec<(char, bool, Owned)>,
    #[serde(default)]
    inner: Vec<Nested<'r>>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kind")]
enum Payment {
    Card { number: u128 },
    Cash,
}

#[handler(event = "Owned")]
async fn on_owned(event: Result<Owned, DecodeError>, payload: Option<Raw<'_>>, named: EventType<'_>) {
    assert_eq!(named.0, "Owned");
    compare(event, payload);
}

#[handler(event = "Borrowed")]
async fn on_borrowed(
    event: Result<Borrowed<'_>, DecodeError>,
    payload: Option<Raw<'_>>,
    named: EventType<'_>,
) {
    assert_eq!(named.0, "Borrowed");
    compare(event, payload);
}

#[handler(event = ["Nested", "é"])]
async fn on_nested(event: Result<Nested<'_>, DecodeError>, payload: Option<Raw<'_>>, named: EventType<'_>) {
    assert!(matches!(named.0, "Nested" | "é"));
    compare(event, payload);
}

#[handler(event = "Optional")]
async fn on_optional(event: Result<Option<Owned>, DecodeError>, payload: Option<Raw<'_>>) {
    match (event, payload) {
        (Ok(event), None) => assert_eq!(event, None),
        (event, payload) => compare(event, payload),
    }
}

/// Its policy skips what does not decode.
#[handler(event = "Skipped")]
async fn on_skipped(_event: Nested<'_>) {}

fn compare<'r, T>(event: Result<T, DecodeError>, payload: Option<Raw<'r>>)
where
    T: Deserialize<'r> + Debug + PartialEq,
{
    let expected = payload.and_then(|Raw(payload)| serde_json::from_slice::<T>(payload).ok());
    match event {
        Ok(event) => assert_eq!(Some(event), expected),
        Err(error) => {
            assert_eq!(None, expected);
            judge(&error);
        }
    }
}

/// The words of an error, as they get into the log.
fn judge(error: &DecodeError) {
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(error) = next {
        // 300 characters of serde_json's, each of which may be an escape of six; `Debug` has the escapes escaped.
        is_short_line(&error.to_string(), 2_000);
        is_short_line(&format!("{error:?}"), 2_500);
        next = error.source();
    }
}

fn is_short_line(text: &str, most: usize) {
    assert!(text.len() <= most && !text.chars().any(char::is_control), "{} bytes: {text:?}", text.len());
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let event_type = parts.next().unwrap_or_default();
    let payload = parts.next();
    let mut record = OwnedRecord::new("orders", 0, 0).header("Event-Type", event_type);
    if let Some(payload) = payload {
        record = record.payload(payload);
    }
    let is_handled = match str::from_utf8(event_type) {
        Ok("Owned" | "Borrowed" | "Nested" | "é" | "Optional") => true,
        Ok("Skipped") => payload.is_some_and(|payload| serde_json::from_slice::<Nested<'_>>(payload).is_ok()),
        _ => false,
    };
    assert_eq!(ENGINE.with(|settle| settle(&record)), is_handled);
});

type Engine = Box<dyn Fn(&OwnedRecord) -> bool>;

thread_local! {
    static ENGINE: Engine = engine();
}

/// Whether the record is handled, rather than skipped.
fn engine() -> Engine {
    let config =
        ConsumerConfig::new(["orders"]).failure_policy(FailurePolicy::new().last_step(LastStep::Skip));
    let router = router![on_owned, on_borrowed, on_nested, on_optional, on_skipped];
    let engine = BareEngine::new(router, &config);
    Box::new(move |record| match pin!(engine.settle(record)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(is_handled) => is_handled,
        Poll::Pending => panic!("no handler waits for anything"),
    })
}
