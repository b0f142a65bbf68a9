//! The competition: what a good engineer writes by hand.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, CommitMode, Consumer},
    message::Headers,
};

use crate::{
    events::{Order, Payment},
    totals::{Run, Sums},
};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Tuning {
    Default,
    Tuned,
    /// Tuned, but for offsets, which are committed by hand.
    Manual,
}

pub(crate) fn consumer(brokers: &str, topic: &str, tuning: Tuning) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("bench-{}-{:?}", std::process::id(), Instant::now()))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", if tuning == Tuning::Manual { "false" } else { "true" })
        .set("enable.auto.offset.store", "false");
    if tuning != Tuning::Default {
        config.set("fetch.queue.backoff.ms", "10");
    }
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.subscribe(&[topic]).expect("subscribed");
    consumer
}

pub(crate) fn event_type<'m>(message: &'m rdkafka::message::BorrowedMessage<'_>) -> Option<&'m [u8]> {
    message.headers()?.iter().find(|header| header.key == "Event-Type")?.value
}

fn each(
    consumer: &BaseConsumer,
    records: u64,
    mut handle: impl FnMut(&rdkafka::message::BorrowedMessage<'_>),
) -> Duration {
    let mut seen = 0;
    let mut first = None;
    while seen < records {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.expect("a record");
        first.get_or_insert_with(Instant::now);
        handle(&message);
        consumer.store_offset_from_message(&message).expect("stored");
        seen += 1;
    }
    let elapsed = first.expect("there are records").elapsed();
    consumer.commit_consumer_state(CommitMode::Sync).expect("committed");
    elapsed
}

pub(crate) fn hand_written(brokers: &str, topic: &str, records: u64, tuning: Tuning) -> Run {
    let consumer = consumer(brokers, topic, tuning);
    let mut sums = Sums::default();
    let elapsed = each(&consumer, records, |message| match event_type(message) {
        Some(b"OrderCreated") => {
            let order: Order =
                serde_json::from_slice(message.payload().expect("a payload")).expect("an order");
            sums.records += 1;
            sums.text += (order.customer.len() + order.currency.len()) as u64;
            for line in &order.lines {
                sums.text += line.sku.len() as u64;
                sums.quantity += u64::from(line.quantity);
                sums.cents += line.cents + order.id % 2;
            }
        }
        Some(b"PaymentReceived") => {
            let payment: Payment =
                serde_json::from_slice(message.payload().expect("a payload")).expect("a payment");
            sums.records += 1;
            sums.text += payment.method.len() as u64;
            sums.cents += payment.cents + payment.order % 2;
        }
        _ => {}
    });
    Run::ending_now(sums, elapsed)
}

pub(crate) fn drain(brokers: &str, topic: &str, records: u64) -> Run {
    let consumer = consumer(brokers, topic, Tuning::Tuned);
    let mut sums = Sums::default();
    let elapsed = each(&consumer, records, |message| {
        if event_type(message) == Some(b"Mark") {
            sums.records += 1;
        }
    });
    Run::ending_now(sums, elapsed)
}
