use evkafka::{handler, router};

#[handler(event = "A")]
async fn a() {}

#[handler(event = "B")]
async fn b() {}

fn main() {
    let _ = router![];
    let _ = router![a, b, a];
    let _ = router![a(), b];
    let _ = router![a::<u8>];
    let _ = router!["a", 7, b,];
    let _ = router![a b];
    let _ = router![|x| x];
    let _ = router![crate = ::evkafka, a];
}
