use evkafka::{Event, handler};
use serde::Deserialize;

#[derive(Deserialize, Event)]
struct OrderCreated {}

#[handler(event = OrderCreated)]
async fn a_type(_: OrderCreated) {}

#[handler(event = ["A", self::OrderCreated])]
async fn types(_: OrderCreated) {}

#[handler(version = 2)]
async fn a_version(_: OrderCreated) {}

#[handler(batch(max = 2, within = "1ms"))]
async fn batch_of_nothing() {}

fn main() {}
