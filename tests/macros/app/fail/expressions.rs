use evkafka::{app, handler, router};

#[handler(event = "A")]
async fn a() {}

#[handler(event = "A")]
async fn also_a() {}

/// Stands in for a configuration.
fn config<T>() -> T {
    unimplemented!()
}

fn main() {
    let _ = app! {
        title: 7_u8,
        version: missing(),
        state: std::rc::Rc::new(7),
        consumers: {
            orders: no_config => [a],
            payments: config() => 7,
            invoices: config() => [a, also_a],
            returns: config() => router![nowhere],
        },
    };
}
