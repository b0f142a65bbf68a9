use evkafka::handler;
use serde::de::DeserializeOwned;

#[handler(event = "A")]
async fn opaque(_order: impl DeserializeOwned) {}

#[handler(event = "B")]
async fn conditional(#[cfg(unix)] _order: u8, _text: u64) {}

fn main() {
    let _ = evkafka::router![opaque, conditional];
}
