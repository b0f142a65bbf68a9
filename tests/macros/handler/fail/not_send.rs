use std::rc::Rc;

use evkafka::handler;

#[handler(event = "OrderCreated")]
async fn on_order_created() {
    let shared = Rc::new(1);
    std::future::ready(()).await;
    drop(shared);
}

fn main() {
    let _ = evkafka::router![on_order_created];
}
