#![allow(unused_variables)]

use evkafka::handler;

#[handler(event = "A", batch)]
async fn bare(events: Vec<u8>) {}

#[handler(event = "A", batch = 500)]
async fn equals(events: Vec<u8>) {}

#[handler(event = "A", batch())]
async fn empty(events: Vec<u8>) {}

#[handler(event = "A", batch(max = 500))]
async fn without_a_time(events: Vec<u8>) {}

#[handler(event = "A", batch(max = 0, within = "50ms"))]
async fn none_at_all(events: Vec<u8>) {}

#[handler(event = "A", batch(max = "500", within = "50ms"))]
async fn quoted(events: Vec<u8>) {}

#[handler(event = "A", batch(max = 500, within = 50))]
async fn no_unit(events: Vec<u8>) {}

#[handler(event = "A", batch(max = 500, within = "50 sec"))]
async fn wrong_unit(events: Vec<u8>) {}

#[handler(event = "A", batch(size = 500, within = "50ms"))]
async fn unknown_key(events: Vec<u8>) {}

#[handler(event = "A", batch(max = 500, max = 600, within = "50ms"))]
async fn repeated_key(events: Vec<u8>) {}

#[handler(event = "A", batch(max = 500 within = "50ms"))]
async fn no_comma(events: Vec<u8>) {}

#[handler(event = "A", batch(max: 500, within = "50ms"))]
async fn colon(events: Vec<u8>) {}

#[handler(event = "A", batch(500, "50ms"))]
async fn positional(events: Vec<u8>) {}

#[handler(event = "A", batch(max = 500, within = "50ms"), batch(max = 500, within = "50ms"))]
async fn twice(events: Vec<u8>) {}

#[handler(event = "A", batch(max = 500, within = "50ms"))]
async fn no_arguments() {}

fn main() {}
