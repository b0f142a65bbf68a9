use std::sync::Arc;

use evkafka::{Key, Raw, State, handler};
use serde::Deserialize;

#[derive(Deserialize)]
struct Seen<'a> {
    sku: &'a str,
}

#[handler(event = "A")]
fn reference(_name: &str) {}

#[handler(event = "B")]
fn named<'a>(_seen: Seen<'a>, _number: u8, _key: Key<'_>) {}

#[handler(event = "C")]
fn optional(_raw: Option<Raw<'_>>) {}

// Neither of these borrows from the record.
#[handler(event = "D")]
fn fine(_names: State<&'static str>, _call: State<Arc<dyn Fn(&str) -> &str + Send + Sync>>) {}

fn main() {}
