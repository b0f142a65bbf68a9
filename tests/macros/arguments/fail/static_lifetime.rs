use evkafka::handler;

#[handler(event = "A")]
async fn outlives_the_record(_name: &'static str) {}

fn main() {}
