use evkafka::{Key, handler};

#[handler(event = "A")]
fn hidden(_key: Key) {}

fn main() {}
