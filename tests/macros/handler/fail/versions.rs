use evkafka::handler;

#[handler(event = "A", version = "2")]
async fn text() {}

#[handler(event = "A", version = -1)]
async fn negative() {}

#[handler(event = "A", version = 4294967296)]
async fn too_high() {}

#[handler(event = "A", version)]
async fn no_value() {}

#[handler(fallback, version = 2)]
async fn of_a_fallback() {}

#[handler(version = 2)]
async fn of_no_event() {}

fn main() {}
