//! What a person gets to read.

use std::collections::BTreeMap;

use evkafka::Metadata;

use crate::{feed::Fed, ledger::Books};

pub(crate) fn fed(fed: &Fed) {
    let Fed { name, cluster, partitions, sent } = fed;
    println!("  {name:<9} {:<16} {partitions} partitions  {sent:>4} events", cluster.bootstrap_servers());
}

pub(crate) fn retried(order: &str, metadata: &Metadata) {
    println!(
        "  {:<9} {:<12} the payment went through at attempt {}",
        metadata.consumer, order, metadata.attempt
    );
}

pub(crate) fn day_closed(metadata: &Metadata) {
    let Metadata { consumer, topic, partition, offset, .. } = metadata;
    let place = format!("{topic}[{partition}]");
    println!("  {consumer:<9} {place:<12} the day is over, after {offset} events");
}

pub(crate) fn consumers() {
    println!("\nConsumer   handled  skipped  committed  by partition");
}

/// `committed` is what the cluster says: the offset at which each partition would be read on.
pub(crate) fn consumer(name: &str, handled: u64, skipped: u64, committed: &BTreeMap<i32, i64>) {
    let total: i64 = committed.values().sum();
    let each: Vec<_> = committed.iter().map(|(partition, offset)| format!("{partition}: {offset}")).collect();
    println!("  {name:<9}{handled:>7}  {skipped:>7}  {total:>9}  {}", each.join("  "));
}

pub(crate) fn books(books: &Books) {
    println!("\nLedger          ordered          paid      refunded      credited");
    for (currency, account) in &books.accounts {
        let [ordered, paid, refunded, credited] =
            [account.ordered, account.paid, account.refunded, account.credited].map(cents);
        println!("  {currency:<7}{ordered:>14}{paid:>14}{refunded:>14}{credited:>14}");
    }
    println!("\nInvoices written: {}\nPayments tried again: {}", books.invoices, books.retries);
}

/// An amount of cents, with its point.
pub(crate) fn cents(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}
