//! A billing service: typed handlers, two parallel consumers on two clusters, one set of handlers that serves both.
//!
//! ```sh
//! cargo run --example orders                              # on two clusters inside the process; stops by itself
//! cargo run --example orders -- --brokers localhost:9092  # on a real cluster, until Ctrl-C
//! ```

mod events;
mod feed;
mod handlers;
mod ledger;
mod options;
mod report;

use std::{error::Error, process::ExitCode, time::Duration};

use evkafka::{App, ConsumerConfig, router};

use crate::{
    feed::Feed,
    handlers::{on_inspection, on_order_cancelled, on_order_created, on_order_paid, on_refund_requested},
    ledger::Ledger,
    options::{Options, Request},
};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match options::parse(std::env::args().skip(1)) {
        Ok(Request::Help) => {
            println!("{}", options::HELP);
            Ok(())
        }
        Ok(Request::Embedded) => on_embedded_clusters().await,
        Ok(Request::Cluster(options)) => on_a_real_cluster(options).await,
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orders: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The service itself. The clusters of the old and the new shop are read side by side: both know orders and payments,
/// refunds are known to the new one only.
fn billing(ledger: Ledger, shop: ConsumerConfig, old_shop: ConsumerConfig) -> App {
    let orders = router![on_order_created, on_order_paid, on_order_cancelled];
    let refunds = router![on_refund_requested, on_inspection];
    evkafka::app! {
        title: "billing",
        version: "1.0.0",
        state: ledger,
        consumers: {
            shop: shop => orders.clone().merge(refunds),
            old_shop: old_shop => orders,
        },
    }
}

/// Feeds two clusters inside the process from a file, and stops when the ledger has seen all of it.
async fn on_embedded_clusters() -> Result<(), Box<dyn Error>> {
    let feed = Feed::start().await?;
    report::fed(&feed);
    let ledger = Ledger::new();
    let app = billing(ledger.clone(), feed.config("shop"), feed.config("old_shop"));
    let mut in_time = false;
    app.run_until(async {
        let all_done = async {
            ledger.until(feed.to_be_handled()).await;
            feed.until_all_committed().await;
        };
        in_time = tokio::time::timeout(Duration::from_secs(60), all_done).await.is_ok();
    })
    .await?;
    report::summary(&feed, &ledger).await?;
    if in_time { Ok(()) } else { Err("the events were not handled within a minute".into()) }
}

/// The same service on a real cluster: one consumer, because there is one cluster.
async fn on_a_real_cluster(options: Options) -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::new();
    let config = ConsumerConfig::new([options.topic.as_str()])
        .bootstrap_servers(&options.brokers)
        .group_id(&options.group);
    report::consuming(&options);
    let app = evkafka::app! {
        title: "billing",
        version: "1.0.0",
        state: ledger.clone(),
        consumers: {
            shop: config => [
                on_order_created,
                on_order_paid,
                on_order_cancelled,
                on_refund_requested,
                on_inspection,
            ],
        },
    };
    app.run().await?;
    report::totals(&ledger);
    Ok(())
}
