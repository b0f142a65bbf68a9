use evkafka::{Metadata, handler};

struct Service;

impl Service {
    #[handler(event = "OrderCreated")]
    async fn on_order_created(meta: Metadata) {
        let _ = meta;
    }
}

trait Handles {
    #[evkafka::handler(event = "OrderPaid")]
    async fn on_order_paid() {}
}

fn main() {
    #[handler(event = "OrderShipped")]
    async fn on_order_shipped() {}

    let _ = evkafka::router![on_order_shipped];
}
