use std::error::Error;

use evkafka::handler;

#[handler(event = "A")]
async fn not_send() -> Result<(), Box<dyn Error>> {
    Ok(())
}

#[derive(Debug)]
struct NoDisplay;

#[handler(event = "B")]
async fn no_display() -> Result<(), NoDisplay> {
    Err(NoDisplay)
}

fn main() {
    let _ = evkafka::router![not_send, no_display];
}
