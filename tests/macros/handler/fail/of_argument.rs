use evkafka::{DecodeError, Event, Metadata, State, handler};
use serde::Deserialize;

#[derive(Deserialize, Event)]
struct OrderCreated {}

#[derive(Deserialize, Event)]
struct OrderPaid {}

#[derive(Deserialize)]
struct Other {}

#[derive(Deserialize)]
struct Nameless {}

impl Event for Nameless {
    const NAME: &'static str = " ";
}

#[handler]
async fn not_an_event(_: State<u8>, _: Other) {}

#[handler]
async fn no_payload(_: Metadata) {}

#[handler]
async fn two_payloads(_: OrderCreated, _: OrderPaid) {}

#[handler]
async fn two_events(_: OrderCreated, _: Metadata, _: Result<OrderPaid, DecodeError>) {}

#[handler]
async fn nameless(_: Nameless) {}

#[handler]
async fn unknown(_: Unknown) {}

#[handler]
async fn reference(_: &OrderCreated) {}

fn main() {
    let _ = evkafka::router![not_an_event, two_events, no_payload];
}
