#![deny(dead_code)]

use evkafka::handler;

#[handler(event = "OrderCreated")]
async fn on_order_created() {}

#[handler(event = "OrderPaid")]
fn on_order_paid() {}

#[handler(event = "OrderShipped")]
async fn on_order_shipped() {}

#[allow(dead_code)]
#[handler(event = "OrderLost")]
async fn on_order_lost() {}

fn main() {
    let _ = evkafka::router![on_order_shipped];
}
