use evkafka::{app, handler};

#[handler(event = "A")]
async fn a() {}

/// Stands in for a configuration.
fn config<T>() -> T {
    unimplemented!()
}

struct NoLayer;

fn main() {
    let _ = app! { title: "billing", layers: NoLayer, consumers: { orders: config() => [a] } };
    let _ = app! { title: "billing", layers: [NoLayer], consumers: { orders: config() => [a] } };
    let _ = app! { title: "billing", consumers: { orders: config() => [a].layer(NoLayer) } };
    let _ = app! { title: "billing", consumers: { orders: config() => [a] layer(NoLayer) } };
}
