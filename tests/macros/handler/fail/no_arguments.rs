use evkafka::handler;

#[handler]
async fn on_order_created() {}

#[handler()]
async fn on_order_paid() {}

fn main() {
    let _ = evkafka::router![on_order_created, on_order_paid];
}
