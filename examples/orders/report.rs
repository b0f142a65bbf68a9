//! What the service shows.

use crate::{
    feed::{Feed, GROUP, TOPIC},
    ledger::Ledger,
    options::Options,
};

/// Says what the clusters were fed.
pub(crate) fn fed(feed: &Feed) {
    println!("Two clusters inside this process, each with a topic `{TOPIC}`:\n");
    for (cluster, types) in feed.sent() {
        println!("  {cluster:<10} {:>5} events", types.values().sum::<usize>());
        for (event_type, count) in types {
            println!("    {event_type:<22} {count:>5}");
        }
    }
    println!(
        "\nStarting the billing service: one consumer for each cluster (a group's first join takes 3 s) …\n"
    );
}

/// Says what is being consumed.
pub(crate) fn consuming(options: &Options) {
    println!(
        "Reading `{}` at {} as the group `{}`, until Ctrl-C …\n",
        options.topic, options.brokers, options.group
    );
}

/// Says what was done with what the clusters were fed.
pub(crate) async fn summary(feed: &Feed, ledger: &Ledger) -> evkafka::Result<()> {
    let handled = ledger.books().events_by_consumer;
    println!("  {:<10} {:>8} {:>8} {:>10}", "consumer", "handled", "skipped", "committed");
    for (cluster, types) in feed.sent() {
        let sent: usize = types.values().sum();
        let handled = handled.get(*cluster).copied().unwrap_or(0);
        let skipped = sent as u64 - handled;
        let committed = feed.committed(cluster).await?;
        println!("  {cluster:<10} {handled:>8} {skipped:>8} {committed:>6}/{sent}");
    }
    println!("\nSkipped are events that nobody handles; the group `{GROUP}` has committed past them too.\n");
    totals(ledger);
    Ok(())
}

/// Says what is in the books.
pub(crate) fn totals(ledger: &Ledger) {
    let books = ledger.books();
    println!("The books:");
    println!("  invoiced   {:>14}", money(books.invoiced_cents));
    println!("  paid       {:>14}", money(books.paid_cents));
    println!("  refunded   {:>14}", money(books.refunded_cents));
    println!("  cancelled  {:>14}", format!("{} orders", books.cancelled));
    for (method, payments) in &books.payments_by_method {
        println!("  by {method:<8}{payments:>14}");
    }
    println!("  retried    {:>14}", format!("{} payments", books.retried));
}

fn money(cents: u64) -> String {
    format!("{}.{:02} EUR", cents / 100, cents % 100)
}
