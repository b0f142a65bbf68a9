use evkafka::handler;

#[handler(event = "A")]
fn on_a() -> impl Future<Output = ()> {
    async {}
}

fn main() {}
