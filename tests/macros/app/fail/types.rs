use evkafka::{app, handler};

#[handler(event = "A")]
async fn a() {}

/// Stands in for a configuration.
fn config<T>() -> T {
    unimplemented!()
}

fn main() {
    let _ = app! {
        title: 7_u8,
        state: std::rc::Rc::new(7),
        consumers: { orders: config() => [a] },
    };
}
