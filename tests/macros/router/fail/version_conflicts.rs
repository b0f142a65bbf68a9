use evkafka::{handler, router};

#[handler(event = "A")]
async fn any() {}

#[handler(event = "A", version = 1)]
async fn one() {}

#[handler(event = ["B", "A"], version = 12)]
async fn twelve() {}

#[handler(event = "A", version = 12)]
async fn twelve_again() {}

fn main() {
    let _ = router![any, one, twelve];
    let _ = router![any, one, twelve, twelve_again];
}
