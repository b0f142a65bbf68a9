use evkafka::{State, handler};
use serde::Deserialize;

#[derive(Deserialize)]
struct OrderCreated {
    id: u64,
}

#[handler(event = "OrderCreated")]
async fn on_order_created(order: &OrderCreated) {
    let _ = order.id;
}

#[handler(event = "OrderPaid")]
async fn on_order_paid(State(name): &State<String>) {
    let _ = name;
}

fn main() {}
