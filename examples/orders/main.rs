//! A billing service that is being moved from an old Kafka cluster to a new one, and reads both meanwhile.
//!
//! `cargo run --example orders` brings the clusters with it; `--help` shows how to run it against one of yours.

mod events;
mod feed;
mod handlers;
mod ledger;
mod options;
mod report;

use std::time::Duration;

use evkafka::{Backoff, ConsumerConfig, Error, FailurePolicy, Result, Router, route::Routes, router};

use crate::{
    feed::TOPIC,
    handlers::{
        on_credit_granted, on_day_closed, on_invoice_requested, on_order_cancelled, on_order_created,
        on_order_paid,
    },
    ledger::{Ledger, LedgerError},
    options::{HELP, Mode},
};

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    evkafka_examples::log();
    let mode = Mode::from_env().map_err(Error::other)?;
    let ledger = Ledger::new(&mode);
    match mode {
        Mode::Help => println!("{HELP}"),
        Mode::Demo => demo(ledger).await?,
        Mode::Cluster { brokers, topic, group } => cluster(ledger, &brokers, &topic, &group).await?,
    }
    Ok(())
}

/// What both clusters have to offer. A router is a value, so one can be given to several consumers.
fn shared() -> Router<impl Routes> {
    router![on_order_created, on_order_paid, on_order_cancelled, on_invoice_requested, on_day_closed]
}

/// A failed event is tried five times. After that, or if it is no use, the service stops rather than lose money.
fn config(brokers: &str, topic: &str, group: &str) -> ConsumerConfig {
    let unknown = |error: &LedgerError| matches!(error, LedgerError::UnknownOrder { .. });
    let policy = FailurePolicy::new()
        .attempts(5)
        .backoff(Backoff::exponential(Duration::from_millis(50), Duration::from_secs(1)))
        .final_if(move |error| error.downcast_ref().is_some_and(unknown));
    ConsumerConfig::new([topic]).bootstrap_servers(brokers).group_id(group).failure_policy(policy)
}

/// Bills a day of orders on clusters of its own.
async fn demo(ledger: Ledger) -> Result<()> {
    let group = "billing";
    println!("Two clusters, in this process:");
    let internal = feed::start("internal", 4).await?;
    report::fed(&internal);
    let legacy = feed::start("legacy", 2).await?;
    report::fed(&legacy);
    println!("\nBilling (it takes a few seconds to form the groups):");

    let new = config(internal.cluster.bootstrap_servers(), TOPIC, group);
    let old = config(legacy.cluster.bootstrap_servers(), TOPIC, group);
    let both = shared();
    let app = evkafka::app! {
        title: "billing",
        version: "1.0.0",
        state: ledger.clone(),
        consumers: {
            internal: new => both.clone().merge(router![on_credit_granted]),
            legacy: old => both,
        },
    };

    // A partition is read in order, so when its day is over, all before that was handled. `run` would go on until a signal.
    let days = u64::from(internal.partitions + legacy.partitions);
    let mut progress = ledger.progress();
    let mut in_time = false;
    let all_closed = async {
        let closed = progress.wait_for(|progress| progress.closed == days);
        in_time = tokio::time::timeout(DEADLINE, closed).await.is_ok();
    };
    app.run_until(all_closed).await?;
    if !in_time {
        return Err(Error::other(format!("the day was not billed within {DEADLINE:?}")));
    }

    report::consumers();
    for fed in [&internal, &legacy] {
        let committed = fed.cluster.committed(group, TOPIC).await?;
        let settled = committed.values().sum::<i64>().unsigned_abs();
        let handled = ledger.progress().borrow().handled.get(fed.name).copied().unwrap_or_default();
        report::consumer(fed.name, handled, settled.saturating_sub(handled), &committed);
        if settled != fed.sent as u64 {
            return Err(Error::other(format!(
                "{} of {}'s {} events are settled",
                settled, fed.name, fed.sent
            )));
        }
    }
    report::books(&ledger.books());
    Ok(())
}

/// Bills the orders of a cluster until it is told to stop.
async fn cluster(ledger: Ledger, brokers: &str, topic: &str, group: &str) -> Result<()> {
    println!("Billing `{topic}` at {brokers} as group `{group}`; Ctrl-C ends it.\n");
    let app = evkafka::app! {
        title: "billing",
        version: "1.0.0",
        state: ledger.clone(),
        consumers: {
            orders: config(brokers, topic, group) => shared().merge(router![on_credit_granted]),
        },
    };
    app.run().await?;
    let handled: u64 = ledger.progress().borrow().handled.values().sum();
    println!("\n{handled} events handled");
    report::books(&ledger.books());
    Ok(())
}
