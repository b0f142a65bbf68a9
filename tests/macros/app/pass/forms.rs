#![deny(warnings)]

use evkafka::{App, app, handler, router};

#[handler(event = "A")]
async fn a() {}

mod orders {
    #[evkafka::handler(event = "B")]
    pub async fn b() {}
}

/// Stands in for a configuration.
fn config<T>() -> T {
    unimplemented!()
}

async fn later<T>(value: T) -> Result<T, String> {
    Ok(value)
}

async fn keys_in_any_order() -> Result<App, String> {
    let shared = router![a];
    let orders = "orders";
    Ok(app! {
        state: later(7_u8).await?,
        consumers: {
            internal: later(config()).await? => [a, orders::b],
            "external-1": config() => shared.clone(),
            r#match: { config() } => shared.clone().merge(router![crate::orders::b]),
            r#type: config() => if true { shared } else { shared },
        },
        version: env!("CARGO_PKG_VERSION"),
        title: format!("{orders} of {}", later("today").await?),
        state: String::new(),
        shutdown_timeout: std::time::Duration::from_secs(5),
        stall_timeout: std::time::Duration::from_secs(60),
    })
}

// A macro in braces, at the end of a function, and a method called on it.
fn tail() -> App {
    evkafka::app! {
        title: "billing",
        consumers: { orders: config() => [a] }
    }
    .version("1.0.0")
}

fn by_the_builder() -> App {
    App::new("billing").version("1.0.0").state(7_u8).consumer("orders", config(), router![a, orders::b])
}

fn main() {
    let _ = (keys_in_any_order, tail as fn() -> App, by_the_builder as fn() -> App);
}
