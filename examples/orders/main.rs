//! A billing service that is being moved from an old Kafka cluster to a new one, and reads both meanwhile.
//!
//! `cargo run --example orders` brings the clusters with it; `--help` shows how to run it against one of yours.

mod events;
mod feed;
mod handlers;
mod ledger;
mod options;
mod report;

use std::time::{Duration, Instant};

use evkafka::{Backoff, ConsumerConfig, Error, FailurePolicy, Result, Router, route::Routes, router};

use crate::{
    feed::{Fed, TOPIC, Topic},
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
    evkafka_examples::log_to(|| report::Log);
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
fn with_policy(config: ConsumerConfig) -> ConsumerConfig {
    let unknown = |error: &LedgerError| matches!(error, LedgerError::UnknownOrder { .. });
    let policy = FailurePolicy::new()
        .attempts(5)
        .backoff(Backoff::exponential(Duration::from_millis(50), Duration::from_secs(1)))
        .final_if(move |error| error.downcast_ref().is_some_and(unknown));
    config.failure_policy(policy)
}

/// Bills a day of orders on clusters of its own.
async fn demo(ledger: Ledger) -> Result<()> {
    let group = "billing";
    report::title("Two Kafka clusters in this process, with a day of orders:");
    let internal = feed::start("internal", 4).await?;
    report::fed(&internal);
    let legacy = feed::start("legacy", 2).await?;
    report::fed(&legacy);
    report::heading("Billing:");

    let begun = Instant::now();
    let new = with_policy(internal.cluster.config([TOPIC], group));
    let old = with_policy(legacy.cluster.config([TOPIC], group));
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
    // `run` would go on until a signal.
    let mut ended = Ok(());
    let day = async { ended = day_is_over(&ledger, &internal, &legacy).await };
    app.run_until(day).await?;
    ended?;
    let took = begun.elapsed();

    report::routes(
        &[(internal.name, internal.arrived().await?), (legacy.name, legacy.arrived().await?)].into(),
    );
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
    report::took(internal.sent + legacy.sent, took);
    Ok(())
}

/// Waits for the end of the day in all partitions, and draws how far it has come. A partition is read in order, so when its day is
/// over, all before that was handled.
async fn day_is_over(ledger: &Ledger, internal: &Fed, legacy: &Fed) -> Result<()> {
    let days = u64::from(internal.partitions + legacy.partitions);
    let all = (internal.sent + legacy.sent) as u64;
    let mut progress = ledger.progress();
    let watch = async {
        loop {
            let (handled, closed) = {
                let progress = progress.borrow_and_update();
                (progress.handled.values().sum(), progress.closed)
            };
            // What is skipped does not reach a handler.
            report::progress(if closed == days { all } else { handled }, all);
            if closed == days || progress.changed().await.is_err() {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, watch).await;
    report::end_of_progress();
    in_time.map_err(|_| Error::other(format!("the day was not billed within {DEADLINE:?}")))
}

/// Bills the orders of a cluster until it is told to stop.
async fn cluster(ledger: Ledger, brokers: &str, topic: &str, group: &str) -> Result<()> {
    report::title(&format!("Billing `{topic}` at {brokers} as group `{group}`; Ctrl-C ends it."));
    match feed::prepare(brokers, topic).await? {
        Topic::Found => report::line("The topic is there; each event that is written to it is billed.\n"),
        Topic::Made { events } => {
            report::line(format!(
                "There was no such topic: it was created, and {events} events sent to it.\n"
            ));
        }
    }
    let config = ConsumerConfig::new([topic]).bootstrap_servers(brokers).group_id(group);
    let app = evkafka::app! {
        title: "billing",
        version: "1.0.0",
        state: ledger.clone(),
        consumers: {
            orders: with_policy(config) => shared().merge(router![on_credit_granted]),
        },
    };
    app.run().await?;
    let handled: u64 = ledger.progress().borrow().handled.values().sum();
    report::line(format!("\n{handled} events handled"));
    report::books(&ledger.books());
    Ok(())
}
