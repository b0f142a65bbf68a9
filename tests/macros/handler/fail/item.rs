use evkafka::handler;

#[handler(event = "OrderCreated")]
struct OrderCreated {
    id: u64,
}

#[handler(event = "OrderPaid")]
pub const fn on_order_paid() {}

#[handler(event = "OrderShipped")]
async unsafe fn on_order_shipped() {}

#[handler(event = "OrderLost")]
extern "C" fn on_order_lost() {}

#[handler(event = "OrderFound")]
async fn on_order_found<T, const N: usize>(_order: T) {}

#[handler(event = "A")]
#[handler(event = "B")]
async fn twice() {}

fn main() {
    // None of these is told a second time.
    let _ = evkafka::router![on_order_paid, on_order_shipped, on_order_lost, on_order_found, twice];
}
