use evkafka::handler;

struct Service;

impl Service {
    #[handler(event = "OrderCreated")]
    async fn on_order_created(&self) {}
}

trait Handles {
    #[handler(event = "OrderPaid")]
    async fn on_order_paid();
}

fn main() {}
