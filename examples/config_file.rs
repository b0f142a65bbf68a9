//! A consumer's settings from a file, with the cluster's address added in code, and what is said of a file with faults.

use std::{sync::Arc, time::Duration};

use evkafka::{
    ConsumerConfig, Error, Metadata, Result, State,
    embedded::{Cluster, Event},
    handler,
};
use evkafka_examples::{expect, log, within};
use serde::Deserialize;
use tokio::sync::Notify;

/// What a service would read from a file.
const FILE: &str = r#"
title = "billing"

[orders]
topics = ["orders", "refunds"]
group_id = "billing"
commit_interval = "2s"
concurrency = "key"
in_flight = 20
retry_attempts = 5
retry_backoff = "50ms"

[orders.properties]
"client.id" = "billing-1"
"fetch.min.bytes" = 1
"#;

const FAULTY: &str = r#"
title = "billing"

[orders]
topics = ["orders"]
commit_intervall = "2s"
retry_backoff = 50

[orders.properties]
"enable.auto.commit" = true
"sasl.password" = "hunter2"
"#;

/// The service's settings. A `ConsumerConfig` is a part of them like any other.
#[derive(Deserialize)]
struct Settings {
    title: String,
    orders: ConsumerConfig,
}

/// Reads settings. An error of `toml` quotes the file, where a password may be, if it is displayed or returned from
/// `main`; its message alone does not.
fn read(text: &str) -> Result<Settings> {
    toml::from_str(text).map_err(|error| Error::other(error.message().to_owned()))
}

#[handler(event = "OrderCreated")]
async fn on_order_created(metadata: Metadata, State(done): State<Arc<Notify>>) {
    println!("An order at {}[{}], offset {}", metadata.topic, metadata.partition, metadata.offset);
    done.notify_one();
}

#[tokio::main]
async fn main() -> Result<()> {
    log();
    let faults = read(FAULTY).err().map(|error| error.to_string()).unwrap_or_default();
    println!("What is wrong with the faulty file:\n{faults}\n");
    for fault in ["commit_interval`", "retry_backoff", "enable.auto.commit"] {
        expect(faults.contains(fault), &format!("`{fault}` should be reported"))?;
    }
    expect(!faults.contains("hunter2"), "a secret was shown")?;

    let cluster = Cluster::start()?;
    cluster.create_topic("orders", 2)?;
    cluster.create_topic("refunds", 2)?;
    cluster.send(Event::new("orders").event_type("OrderCreated").key("order-1").payload("{}")).await?;

    let settings = read(FILE)?;
    let orders = settings.orders.bootstrap_servers(cluster.bootstrap_servers());
    expect(orders.get_group_id() == "billing", "the group's name was not read")?;
    let done = Arc::new(Notify::new());
    let app = evkafka::app! {
        title: settings.title,
        state: Arc::clone(&done),
        consumers: { orders: orders => [on_order_created] },
    };
    within(Duration::from_secs(30), app.run_until(done.notified())).await
}
