use evkafka::{Metadata, State, handler};

struct OrderCreated {
    id: u64,
}

struct Ledger<T>(T);

#[handler(event = "OrderCreated")]
async fn on_order_created(meta: Metadata, order: OrderCreated) {
    let _ = (meta, order.id);
}

#[handler(event = "OrderPaid")]
fn on_order_paid(order: Ledger<OrderCreated>) {
    let _ = order.0;
}

// A state that is not shared between threads, or cannot be cloned.
#[handler(event = "OrderShipped")]
async fn on_order_shipped(order: State<OrderCreated>) {
    let _ = order;
}

fn main() {
    let _ = evkafka::router![on_order_created, on_order_paid, on_order_shipped];
}
