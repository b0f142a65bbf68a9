use evkafka::handler;

#[handler(event = "A")]
async fn on_a() -> Result<(), String> {
    7
}

fn main() {
    let _ = evkafka::router![on_a];
}
