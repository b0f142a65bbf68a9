use evkafka::{State, handler};

struct Pool;

#[handler(event = "A")]
async fn on_a(State(pool): State<Pool>) {
    let _: Pool = pool;
}

fn main() {
    let _ = evkafka::router![on_a];
}
