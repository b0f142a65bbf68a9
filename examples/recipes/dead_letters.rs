//! A record that cannot be handled goes to a topic of its own, with what became of it in its headers.

use std::time::Duration;

use evkafka::{
    Backoff, ConsumerConfig, FailurePolicy, Headers, State, Text,
    embedded::{Cluster, Event},
    handler,
};
use evkafka_examples::Notes;

#[handler(event = "OrderPaid")]
async fn on_order_paid(order: u64, State(notes): State<Notes>) -> Result<(), &'static str> {
    notes.add(format!("payment of order {order}"));
    if order == 2 { Err("the order is unknown") } else { Ok(()) }
}

/// Reads the dead letters.
#[handler(fallback)]
async fn on_dead_letter(Text(payload): Text<'_>, headers: Headers<'_>, State(notes): State<Notes>) {
    let header = |name| String::from_utf8_lossy(headers.get(name).unwrap_or_default()).into_owned();
    notes.add(format!(
        "dead letter `{payload}` of {}[{}] offset {}: {}",
        header("dead-letter-topic"),
        header("dead-letter-partition"),
        header("dead-letter-offset"),
        header("dead-letter-error"),
    ));
}

#[tokio::main]
async fn main() -> evkafka::Result<()> {
    let cluster = Cluster::start()?;
    cluster.create_topic("payments", 1)?;
    cluster.create_topic("payments.dead", 1)?;
    let paid = |payload: &str| Event::new("payments").event_type("OrderPaid").payload(payload);
    cluster.send_all([paid("1"), paid("2"), paid("three"), paid("4")]).await?;

    let notes = Notes::default();
    let config = |topic: &str, group: &str| {
        ConsumerConfig::new([topic]).bootstrap_servers(cluster.bootstrap_servers()).group_id(group)
    };
    let policy = FailurePolicy::new()
        .attempts(3)
        .backoff(Backoff::exponential(Duration::from_millis(10), Duration::from_secs(1)))
        .dead_letter("payments.dead");
    let app = evkafka::app! {
        title: "payments",
        state: notes.clone(),
        consumers: {
            payments: config("payments", "billing").failure_policy(policy) => [on_order_paid],
            dead: config("payments.dead", "undertaker") => [on_dead_letter],
        },
    };
    // Order 1, three attempts at order 2, order 4, and two dead letters.
    notes.run_until(7, app).await?;
    let dead = notes.lines().iter().filter(|line| line.starts_with("dead letter")).count();
    assert_eq!(dead, 2);
    Ok(())
}
