#![deny(warnings)]
#![no_implicit_prelude]

use ::evkafka::{CancellationToken, EventType, Headers, Key, Metadata, Raw, State, Text, handler, router};
use ::serde::Deserialize;
use ::std::{option::Option, result::Result, vec::Vec};

#[derive(Deserialize)]
struct Seen<'a> {
    sku: &'a str,
}

#[handler(event = ["A", "B"], batch(max = 500, within = "50ms"))]
async fn borrowing<'a>(
    seen: Vec<Seen<'a>>,
    keys: Vec<Key<'a>>,
    headers: Vec<Headers<'a>>,
    texts: Vec<Text<'a>>,
    raws: Vec<Raw<'a>>,
    types: Vec<EventType<'a>>,
) {
    let _ = (seen[0].sku, keys, headers, texts, raws, types);
}

#[handler(event = "C", batch(within = "1 s", max = 1,))]
fn plain(
    State(factor): State<u8>,
    events: Vec<Option<u64>>,
    fallible: Vec<Result<u64, ::evkafka::DecodeError>>,
    token: CancellationToken,
    metas: Vec<Metadata>,
) -> Result<(), ::std::fmt::Error> {
    let _ = (factor, events, fallible, token, metas);
    Result::Ok(())
}

type Events = Vec<u64>;

#[handler(fallback, batch(max = 100000, within = "0ms"), crate = ::evkafka)]
async fn rest(events: Events) {
    let _ = events;
}

fn main() {
    let _ = router![borrowing, plain, rest];
}
