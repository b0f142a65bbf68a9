use evkafka::{app, handler};

#[handler(event = "A")]
async fn a() {}

/// Stands in for a configuration.
fn config<T>() -> T {
    unimplemented!()
}

fn main() {
    let _ = app! {};
    let _ = app! {
        titel: "billing",
        consumers: { orders: config() => [a] },
    };
    let _ = app! {
        title: "billing",
        title: "again",
        version = "1.0.0",
        state 5,
        state: 7,
        topics: ["orders"],
        consumers: { orders: config() => [a] },
    };
    let _ = app! {
        title: "billing"
        version: "1.0.0"
        consumers: { orders: config() => [a] }
    };
    let _ = app! {
        title: ,
        version: 1 + ,
        consumers: [orders],
    };
    let _ = app! { "billing", consumers: {} };
}
