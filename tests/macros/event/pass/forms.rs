#![deny(warnings)]

use std::borrow::Cow;

use evkafka::{Event, event::ToKey, handler};
use serde::{Deserialize, Serialize};

mod names {
    pub(crate) const PRICED: &str = "billing.OrderPriced";
    pub(crate) const PRICES: &str = "prices";
    pub(crate) const VERSION: u32 = 2;
}

#[derive(Debug, Serialize, Deserialize, Event)]
struct Plain;

#[derive(Debug, Serialize, Deserialize, Event)]
#[event(name = names::PRICED, version = names::VERSION, topic = names::PRICES, key = customer.id)]
struct OrderPriced<'a> {
    #[serde(borrow)]
    customer: Customer<'a>,
    gross: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Customer<'a> {
    id: Cow<'a, str>,
}

// Two lifetimes that depend on each other, one of them with the name that a macro would choose.
#[derive(Debug, Serialize, Event)]
#[event(key = 1.0)]
#[event(topic = "visits")]
struct Visited<'s, 'event: 's>(&'s [&'event str], (Option<u128>, u8))
where
    'event: 's;

// Not `Serialize`: it is only consumed.
#[derive(Debug, Deserialize, Event)]
#[event(key = r#type)]
struct Consumed {
    r#type: String,
}

macro_rules! events {
    ($($name:ident { $field:ident: $type:ty })+) => {$(
        #[derive(Debug, Serialize, Event)]
        #[event(key = $field)]
        struct $name {
            $field: $type,
            hidden: u8,
        }
    )+};
}

events! {
    Created { id: u8 }
    Deleted { id: Box<str> }
}

#[handler(event = "A")]
async fn on_a() -> Option<OrderPriced<'static>> {
    None
}

#[handler(event = "B")]
async fn on_b() -> Result<(Plain, Vec<Created>), &'static str> {
    let created = Created { id: 7, hidden: 1 };
    Ok((Plain, vec![created]))
}

#[handler(event = "C")]
async fn on_c() -> [Deleted; 1] {
    [Deleted { id: "7".into(), hidden: 2 }]
}

fn is_key<K: ToKey + ?Sized>(_: &K) {}

fn main() {
    let _ = evkafka::router![on_a, on_b, on_c];
    assert_eq!((Plain::NAME, Plain::VERSION, Plain::TOPIC), ("Plain", None, None));
    assert_eq!(
        (OrderPriced::NAME, OrderPriced::VERSION, OrderPriced::TOPIC),
        ("billing.OrderPriced", Some(2), Some("prices"))
    );
    assert_eq!((Visited::NAME, Visited::TOPIC), ("Visited", Some("visits")));
    assert_eq!((Consumed::NAME, Created::NAME, Deleted::NAME), ("Consumed", "Created", "Deleted"));
    let visited = Visited(&["a"], (Some(7), 1));
    is_key(&visited.1.0);
    assert_eq!((visited.0[0], visited.1.1), ("a", 1));
    let priced = OrderPriced { customer: Customer { id: "7".into() }, gross: 1 };
    assert_eq!(priced.gross, 1);
}
