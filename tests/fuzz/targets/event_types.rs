//! Where the type of an event is read from a payload, the answer is that of a JSON parser, and so is the payload that is taken out of an
//! envelope: nothing is misread in silence, and nothing panics.
//!
//! Input: the payload.
#![no_main]

use std::{
    cell::RefCell,
    convert::Infallible,
    pin::pin,
    task::{Context, Poll, Waker},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use evkafka::{
    __private::testing::BareEngine,
    ConsumerConfig, EventType,
    handle::{self, FromContext},
    handler,
    record::OwnedRecord,
    router,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The name of an event, and its payload or whether there is one that cannot be told.
type Seen = (Option<String>, Result<Option<Vec<u8>>, ()>);

thread_local! {
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
    static ENGINES: [(&'static str, Settle); 3] =
        ["json:type", "cloudevents", "masstransit"].map(|place| (place, engine(place)));
}

type Settle = Box<dyn Fn(&OwnedRecord)>;

#[handler(fallback)]
async fn see(event: Option<EventType<'_>>, Payload(payload): Payload) {
    SEEN.set(Some((event.map(|event| event.0.to_owned()), payload)));
}

struct Payload(Result<Option<Vec<u8>>, ()>);

impl<'r> FromContext<'r> for Payload {
    type Rejection = Infallible;

    fn from_context(context: &handle::Context<'r>) -> Result<Self, Infallible> {
        Ok(Self(context.payload().map(|bytes| bytes.map(<[u8]>::to_vec)).map_err(drop)))
    }
}

fuzz_target!(|data: &[u8]| {
    let record = OwnedRecord::new("orders", 0, 0).payload(data);
    let json: Option<Value> = serde_json::from_slice(data).ok();
    ENGINES.with(|engines| {
        for (place, settle) in engines {
            settle(&record);
            let seen = SEEN.take().expect("the fallback takes all");
            match json.as_ref().filter(|_| !has_twice(data)) {
                Some(json) => compare(place, data, json, seen),
                // Of what is not JSON, a payload in an envelope is never found.
                None if *place != "json:type" && seen.0.is_some() => check_unsound(data, seen.1),
                None => {}
            }
        }
    });
});

fn compare(place: &str, data: &[u8], json: &Value, (name, payload): Seen) {
    let text = |field: &str| json.get(field).and_then(Value::as_str).map(str::to_owned);
    let whole = Ok(Some(data.to_vec()));
    match place {
        "json:type" => assert_eq!((name, payload), (text("type"), whole)),
        "cloudevents" if text("specversion").is_none() || text("type").is_none() => {
            assert_eq!((name, payload), (None, whole));
        }
        "cloudevents" => {
            assert_eq!(name, text("type"));
            check_data(json, payload);
        }
        _ => {
            let urn = json.get("messageType").and_then(|types| types.get(0)).and_then(Value::as_str);
            let expected = urn.map(|urn| urn.strip_prefix("urn:message:").unwrap_or(urn).to_owned());
            assert_eq!(name, expected);
            let message = json.get("message").filter(|message| !message.is_null());
            match (name, message) {
                (None, _) => assert_eq!(payload, whole),
                (Some(_), None) => assert_eq!(payload, Err(())),
                (Some(_), Some(message)) => assert!(is_json(&payload, message)),
            }
        }
    }
}

fn check_data(json: &Value, payload: Result<Option<Vec<u8>>, ()>) {
    let field = |name: &str| json.get(name).filter(|value| !value.is_null());
    let Ok(payload) = payload else {
        // Both, or one that is not as it should be.
        let is_odd = |name: &str| field(name).is_some_and(|value| !value.is_string());
        assert!(field("data_base64").is_some() || is_odd("datacontenttype"));
        return;
    };
    match (field("data"), field("data_base64").and_then(Value::as_str)) {
        (None, None) => assert_eq!(payload, None),
        (Some(data), None) if field("datacontenttype").is_none() => assert!(is_json(&Ok(payload), data)),
        (Some(Value::String(_)), None) => assert!(payload.is_some()),
        (Some(data), None) => assert!(is_json(&Ok(payload), data)),
        (None, Some(text)) => {
            let ours = payload.expect("a payload");
            assert!(
                BASE64.decode(text).is_ok_and(|decoded| decoded == ours) || !text.len().is_multiple_of(4)
            );
        }
        (Some(_), Some(_)) => panic!("of two payloads none is the right one"),
    }
}

/// What serde_json takes for no JSON may have been a number out of its range, which nothing looks at here.
fn check_unsound(data: &[u8], payload: Result<Option<Vec<u8>>, ()>) {
    let is_skipped_over = serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok();
    assert!(payload.is_err() || is_skipped_over, "{:?}", String::from_utf8_lossy(data));
}

fn is_json(payload: &Result<Option<Vec<u8>>, ()>, expected: &Value) -> bool {
    let Ok(Some(payload)) = payload else { return false };
    serde_json::from_slice::<Value>(payload).is_ok_and(|value| value == *expected)
}

/// Whether a field may be there twice, of which a `Value` has the last: then there is nothing to compare with.
fn has_twice(data: &[u8]) -> bool {
    struct Fields(bool);
    impl<'de> serde::Deserialize<'de> for Fields {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Fields;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                    let (mut seen, mut twice) = (std::collections::HashSet::new(), false);
                    while let Some((name, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                        twice |= !seen.insert(name);
                    }
                    Ok(Fields(twice))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    serde_json::from_slice::<Fields>(data).is_ok_and(|fields| fields.0)
}

fn engine(place: &str) -> Settle {
    let engine = BareEngine::new(router![see], &ConsumerConfig::new(["orders"]).event_type([place]));
    Box::new(move |record| match pin!(engine.settle(record)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(is_handled) => assert!(is_handled),
        Poll::Pending => panic!("the handler waits for nothing"),
    })
}
