use evkafka::{app, handler, router};

#[handler(event = "A")]
async fn a() {}

/// Stands in for a configuration.
fn config<T>() -> T {
    unimplemented!()
}

fn main() {
    let _ = app! {
        title: "billing",
        consumers: {
            orders: config() => [a],
            orders: config() => [a],
            "orders": config() => router![a],
            "": config() => [a],
            7: config() => [a],
            no_arrow: config(),
            equals: config() = [a],
            juxtaposed: config() [a],
            two: config() [a, a],
            nothing: config() =>,
            empty: config() => [],
            twice: config() => [a, a],
            no_config: [a],
            without,
            colon = config() => [a]
            comma: config() => [a],
            arrow => [a],
            reversed: [a] => config(),
            orders-eu: config() => [a],
        },
    };
}
