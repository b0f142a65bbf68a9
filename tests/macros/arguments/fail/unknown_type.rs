use evkafka::handler;

#[handler(event = "A")]
async fn on_a(_order: Order, _name: &'a str) {}

fn main() {}
