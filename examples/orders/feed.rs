//! The day of orders that the demo is about: two clusters, and what is written to them.

use evkafka::{
    Error, Result,
    embedded::{Cluster, Event},
};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) const TOPIC: &str = "orders";

/// One event a line.
const ORDERS: &str = include_str!("orders.jsonl");

#[derive(Deserialize)]
struct Line<'a> {
    cluster: &'a str,
    /// Missing in what an older service wrote.
    #[serde(rename = "type")]
    event_type: Option<&'a str>,
    key: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// A cluster with a day of orders in it.
pub(crate) struct Fed {
    pub(crate) name: &'static str,
    pub(crate) cluster: Cluster,
    pub(crate) partitions: u16,
    pub(crate) sent: usize,
}

/// Starts a cluster and sends it the events that the file has for it, then to each partition the news that the day is
/// over.
pub(crate) async fn start(name: &'static str, partitions: u16) -> Result<Fed> {
    let cluster = Cluster::start()?;
    cluster.create_topic(TOPIC, partitions)?;
    let mut events = Vec::new();
    for (number, line) in ORDERS.lines().enumerate() {
        let line: Line<'_> = serde_json::from_str(line)
            .map_err(|error| Error::other(format!("orders.jsonl, line {}: {error}", number + 1)))?;
        if line.cluster == name {
            events.push(event(&line));
        }
    }
    let closed = |partition| Event::new(TOPIC).event_type("DayClosed").partition(i32::from(partition));
    events.extend((0..partitions).map(closed));
    let sent = events.len();
    cluster.send_all(events).await?;
    Ok(Fed { name, cluster, partitions, sent })
}

fn event(line: &Line<'_>) -> Event {
    // Events of one order have its key, so they are in one partition, and in order.
    let event = Event::new(TOPIC).key(line.key).payload(line.payload.get());
    match line.event_type {
        Some(name) => event.event_type(name),
        None => event,
    }
}
