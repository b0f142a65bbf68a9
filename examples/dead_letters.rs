//! What cannot be handled goes to a topic of dead letters, with headers that say why.
//!
//! A second consumer reads that topic and prints the headers.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use evkafka::{
    Backoff, FailurePolicy, Headers, Result, State,
    embedded::{Cluster, Event},
    handler,
    settle::DEAD_LETTER_PREFIX,
};
use evkafka_examples::{expect, log, within};
use serde::Deserialize;
use tokio::sync::Notify;

const LETTERS: usize = 2;

#[derive(Deserialize)]
struct OrderPaid<'a> {
    #[serde(borrow)]
    order: Cow<'a, str>,
    amount_cents: i64,
}

#[derive(Clone, Default)]
struct Letters(Arc<Mutex<Vec<BTreeMap<String, String>>>>, Arc<Notify>);

/// Refuses an amount that is not positive, each time that it is asked.
#[handler(event = "OrderPaid")]
async fn on_order_paid(payment: OrderPaid<'_>) -> Result<(), String> {
    if payment.amount_cents <= 0 {
        return Err(format!("the amount of {} is not positive", payment.order));
    }
    println!("{} paid {} cents\n", payment.order, payment.amount_cents);
    Ok(())
}

/// Prints a dead letter. It has its event type still, so that it can be sent to the first topic again; a fallback takes
/// all types.
#[handler(fallback)]
async fn on_dead_letter(headers: Headers<'_>, State(Letters(letters, done)): State<Letters>) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let named = headers.iter().filter_map(|(name, value)| {
        Some((text(name).strip_prefix(DEAD_LETTER_PREFIX)?.to_owned(), text(value?)))
    });
    let letter: BTreeMap<String, String> = named.collect();
    println!("A dead letter:");
    letter.iter().for_each(|(name, value)| println!("  {DEAD_LETTER_PREFIX}{name:<10} {value}"));
    println!();
    let mut letters = letters.lock().unwrap_or_else(PoisonError::into_inner);
    letters.push(letter);
    if letters.len() == LETTERS {
        done.notify_one();
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    log();
    let cluster = Cluster::start()?;
    cluster.create_topic("payments", 1)?;
    cluster.create_topic("payments.dead", 1)?;
    let payment = || Event::new("payments").event_type("OrderPaid");
    cluster
        .send_all([
            payment().payload(r#"{"order": "order-1", "amount_cents": 1290}"#),
            payment().payload(r#"{"order": "order-2", "amount_cents": 0}"#),
            payment().payload(r#"{"order": "order-3", "amount_"#),
            payment().payload(r#"{"order": "order-4", "amount_cents": 8900}"#),
        ])
        .await?;

    let policy = FailurePolicy::new()
        .attempts(3)
        .backoff(Backoff::constant(Duration::from_millis(20)))
        .dead_letter("payments.dead");
    let letters = Letters::default();
    let app = evkafka::app! {
        title: "billing",
        state: letters.clone(),
        consumers: {
            payments: cluster.config(["payments"], "billing").failure_policy(policy) => [on_order_paid],
            letters: cluster.config(["payments.dead"], "billing-letters") => [on_dead_letter],
        },
    };
    within(Duration::from_secs(30), app.run_until(letters.1.notified())).await?;

    let letters = letters.0.lock().unwrap_or_else(PoisonError::into_inner);
    let said = |name: &str| letters.iter().filter_map(|letter| letter.get(name).cloned()).collect::<Vec<_>>();
    expect(said("offset") == ["1", "2"], "the second and the third record should be dead letters")?;
    // What does not decode is not tried again: its bytes would be the same.
    expect(said("attempts") == ["3", "1"], "three attempts and one were expected")
}
