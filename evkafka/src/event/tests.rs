//! What `#[derive(Event)]` makes of a struct.

use std::borrow::Cow;

use serde::Serialize;

use super::{EventSpec, Outgoing};
use crate::{
    Event,
    handle::{Attempt, IntoOutcome, Outcome, Requirements},
};

const TOPIC: &str = "prices";

#[derive(Serialize, Event)]
#[event(crate = crate, name = "billing.OrderPriced", version = 2, topic = TOPIC, key = customer.id)]
struct OrderPriced<'a> {
    customer: Customer<'a>,
    gross: u64,
}

#[derive(Serialize)]
struct Customer<'a> {
    id: Cow<'a, str>,
}

#[derive(Serialize, Event)]
#[event(crate = crate, key = 0.1)]
struct Moved((u8, Option<i64>));

#[derive(Event)]
#[event(crate = crate)]
struct Consumed;

fn priced(id: &str) -> OrderPriced<'_> {
    OrderPriced { customer: Customer { id: id.into() }, gross: 119 }
}

fn specs<T: IntoOutcome>() -> Vec<&'static EventSpec> {
    let mut requirements = Requirements::default();
    T::requires(&mut requirements);
    requirements.events().to_vec()
}

#[test]
fn a_derived_event_says_what_its_attribute_says() {
    let priced = EventSpec::of::<OrderPriced<'_>>();
    assert_eq!((priced.name, priced.version, priced.topic), ("billing.OrderPriced", Some(2), Some("prices")));
    let consumed = EventSpec::of::<Consumed>();
    assert_eq!((consumed.name, consumed.version, consumed.topic), ("Consumed", None, None));
}

#[test]
fn the_key_is_the_field_that_the_attribute_names() {
    let priced = priced("7");
    let outgoing = Outgoing::one(&priced, |key| priced.key(key)).unwrap();
    let encoded = outgoing.first().unwrap();
    assert_eq!(encoded.key, Some(&b"7"[..]));
    assert_eq!(encoded.payload, br#"{"customer":{"id":"7"},"gross":119}"#);
    let key = |event: Moved| {
        let outgoing = Outgoing::one(&event, |key| event.key(key)).unwrap();
        outgoing.first().unwrap().key.map(<[u8]>::to_vec)
    };
    assert_eq!(key(Moved((1, Some(-3)))), Some(b"-3".to_vec()));
    assert_eq!(key(Moved((1, None))), None);
}

#[test]
fn a_derived_event_can_be_returned_alone_and_in_others() {
    let Attempt::Sends(one) = priced("7").into_attempt() else { panic!("it is sent") };
    assert_eq!(one.names().collect::<Vec<_>>(), ["billing.OrderPriced"]);
    let several: Result<_, &str> = Ok((priced("7"), vec![Moved((1, None)), Moved((2, None))], None::<Moved>));
    let Attempt::Sends(several) = several.into_attempt() else { panic!("they are sent") };
    assert_eq!(several.names().collect::<Vec<_>>(), ["billing.OrderPriced", "Moved", "Moved"]);
    assert!(matches!(None::<Moved>.into_attempt(), Attempt::Returned(Outcome::Done)));
    let error: Result<Moved, &str> = Err("no");
    assert!(matches!(error.into_attempt(), Attempt::Failed(_)));
}

#[test]
fn what_is_returned_needs_a_producer_for_each_event() {
    assert_eq!(specs::<OrderPriced<'_>>(), [EventSpec::of::<OrderPriced<'_>>()]);
    let several = specs::<Result<(Vec<Moved>, Option<OrderPriced<'_>>, Moved), String>>();
    assert_eq!(several, [EventSpec::of::<Moved>(), EventSpec::of::<OrderPriced<'_>>()]);
}
