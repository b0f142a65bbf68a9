use evkafka::handler;

struct Service;

impl Service {
    #[handler(event = "OrderCreated")]
    async fn on_order_created() {}
}

fn main() {}
