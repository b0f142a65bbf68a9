//! A consumer's settings from a file, with one of them from the environment.
//!
//! `evkafka::ConsumerConfig` is `Deserialize`, so any crate that reads settings will do; this recipe needs `toml` alone.

use evkafka::{
    ConsumerConfig, State,
    embedded::{Cluster, Event},
    handler,
};
use evkafka_examples::Notes;
use serde::Deserialize;

/// What would be in `billing.toml`.
const FILE: &str = r#"
    [orders]
    topics = ["orders"]
    bootstrap_servers = "kafka-1:9092,kafka-2:9092"
    group_id = "billing"
    commit_interval = "1s"
    concurrency = "key"
    in_flight = 50
    retry_attempts = 5
    retry_backoff = "200ms"
    properties = { "socket.keepalive.enable" = true }
"#;

#[derive(Deserialize)]
struct Settings {
    orders: ConsumerConfig,
}

#[handler(event = "OrderCreated")]
async fn on_order_created(order: u64, State(notes): State<Notes>) {
    notes.add(format!("order {order}"));
}

fn settings() -> evkafka::Result<Settings> {
    // Not `?` on toml's own error: its message quotes the file, which may hold a password.
    toml::from_str(FILE).map_err(|error| evkafka::Error::other(format!("billing.toml: {}", error.message())))
}

#[tokio::main]
async fn main() -> evkafka::Result<()> {
    let cluster = Cluster::start()?;
    cluster.create_topic("orders", 2)?;
    cluster
        .send_all((1..=3).map(|n| Event::new("orders").event_type("OrderCreated").payload(n.to_string())))
        .await?;

    let mut orders = settings()?.orders;
    println!("{orders:#?}");
    // What is set in code goes over the file: here the address, which an operator may give in the environment.
    let brokers = std::env::var("BILLING_BROKERS").unwrap_or_else(|_| cluster.bootstrap_servers().to_owned());
    orders = orders.bootstrap_servers(brokers);

    let notes = Notes::default();
    let app = evkafka::app! {
        title: "billing",
        state: notes.clone(),
        consumers: { orders: orders => [on_order_created] },
    };
    notes.run_until(3, app).await
}
