use evkafka::{Event, handler};
use serde::Serialize;

#[derive(Event)]
struct OrderPriced {
    id: u64,
}

#[handler(event = "OrderCreated")]
async fn on_order_created() -> OrderPriced {
    OrderPriced { id: 7 }
}

#[handler(event = "OrderPaid")]
async fn on_order_paid() -> Result<Option<OrderPriced>, String> {
    Ok(None)
}

#[derive(Serialize)]
struct NoEvent;

#[handler(event = "OrderShipped")]
async fn on_order_shipped() -> Vec<NoEvent> {
    Vec::new()
}

fn main() {
    let _ = evkafka::router![on_order_created, on_order_paid, on_order_shipped];
}
