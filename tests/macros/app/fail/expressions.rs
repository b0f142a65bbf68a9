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
        title: missing_title,
        version: missing(),
        state: { let number: u8 = "text"; number },
        consumers: {
            orders: no_config => [a],
            payments: config() => missing_router,
            invoices: config() => [a, also_a],
            returns: config() => router![nowhere],
        },
    };
}
