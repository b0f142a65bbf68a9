use evkafka::{Metadata, handler};
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    id: u64,
}

#[handler(event = "A")]
async fn tenant(order: Order, tenant: String) {
    let _ = (order.id, tenant);
}

#[handler(event = "B")]
async fn no_batch(orders: Vec<Order>, meta: Metadata) {
    let _ = (orders.len(), meta);
}

#[handler(event = "C")]
async fn bytes(payload: std::vec::Vec<u8>) {
    let _ = payload;
}

fn main() {
    let _ = evkafka::router![tenant, no_batch, bytes];
}
