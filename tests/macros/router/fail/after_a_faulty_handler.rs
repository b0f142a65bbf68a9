use evkafka::{app, handler, router};

#[handler(evnt = "A")]
async fn a() {}

#[handler(fallback, event = "B")]
async fn b() {}

/// Stands in for a configuration.
fn config<T>() -> T {
    unimplemented!()
}

fn main() {
    // Each fault is told where it is, and not a second time here.
    let _ = router![a, b];
    let _ = router![b].merge(router![a]);
    let _ = app! { title: "billing", consumers: { orders: config() => [a, b] } };
}
