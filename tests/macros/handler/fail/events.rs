use evkafka::handler;

#[handler(event = "")]
async fn empty() {}

#[handler(event = " OrderCreated")]
async fn space_before() {}

#[handler(event = ["OrderCreated\n", "OrderPaid"])]
async fn line_feed_after() {}

#[handler(event = "Order\0Created")]
async fn nul() {}

#[handler(event = ["OrderCreated", "OrderPaid", "OrderCreated"])]
async fn named_twice() {}

#[handler(event = [])]
async fn none() {}

#[handler(event = OrderCreated)]
async fn without_quotes() {}

#[handler(event = 7)]
async fn number() {}

#[handler(event = b"OrderCreated")]
async fn bytes() {}

#[handler(event = ["A", 7, B, ""])]
async fn several_faults() {}

#[handler(event = ["A" "B"])]
async fn no_comma() {}

#[handler(event =)]
async fn nothing() {}

fn main() {}
