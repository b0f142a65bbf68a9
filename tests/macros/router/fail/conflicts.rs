use evkafka::{handler, router};

#[handler(event = ["A", "B"])]
async fn a_and_b() {}

mod orders {
    #[evkafka::handler(event = ["C", "B"])]
    pub async fn b_and_c() {}
}

#[handler(fallback)]
async fn rest() {}

#[handler(fallback)]
async fn rest_again() {}

#[handler(event = "D")]
async fn d() {}

fn main() {
    let _ = router![a_and_b, rest, d, orders::b_and_c, rest_again];
}
