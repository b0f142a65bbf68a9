use evkafka::handler;

#[handler(events = ["A"])]
async fn misspelt() {}

#[handler(topic = "orders", event = "A")]
async fn unknown() {}

#[handler(event = "A", event = "B")]
async fn repeated() {}

#[handler(event = "A", fallback)]
async fn both() {}

#[handler(fallback = true)]
async fn fallback_with_a_value() {}

#[handler("OrderCreated")]
async fn without_a_key() {}

#[handler(OrderCreated)]
async fn bare_name() {}

#[handler(event("A"))]
async fn called() {}

#[handler(event: "A")]
async fn colon() {}

#[handler(event)]
async fn no_value() {}

#[handler(event = "A" crate = ::evkafka)]
async fn no_comma() {}

#[handler(event = "A", crate = "evkafka")]
async fn quoted_crate() {}

#[handler(event => "A")]
async fn arrow() {}

#[handler(crate = ::evkafka)]
async fn crate_only() {}

#[handler(fallback, fallback)]
async fn fallback_twice() {}

fn main() {}
