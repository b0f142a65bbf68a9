#![allow(unused_variables)]

use evkafka::{Key, Metadata, State, handler};

struct NotDeserialize;

#[handler(event = "A", batch(max = 500, within = "50ms"))]
async fn one_event(event: u64) {}

#[handler(event = "A", batch(max = 500, within = "50ms"))]
async fn one_of_each(events: Vec<u64>, meta: Metadata) {}

#[handler(event = "A", batch(max = 500, within = "50ms"))]
async fn of_no_record(events: Vec<NotDeserialize>) {}

#[handler(event = "A", batch(max = 500, within = "50ms"))]
fn borrowed_by_a_plain_function(keys: Vec<Key<'_>>, state: State<u8>) {}

fn main() {}
