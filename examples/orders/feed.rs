//! The day of orders that the example is about, and where it is written to.

use std::{collections::BTreeMap, time::Duration};

use evkafka::{
    Error, Result,
    embedded::{Cluster, Event},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) const TOPIC: &str = "orders";

/// One event a line.
const ORDERS: &str = include_str!("orders.jsonl");

const TIMEOUT: Duration = Duration::from_secs(30);
/// Of a topic that is made on a cluster of somebody's.
const PARTITIONS: u16 = 4;

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

/// The events that the file has for a cluster.
fn day(name: &str) -> Result<Vec<Line<'static>>> {
    let mut lines = Vec::new();
    for (number, line) in ORDERS.lines().enumerate() {
        let line: Line<'_> = serde_json::from_str(line)
            .map_err(|error| Error::other(format!("orders.jsonl, line {}: {error}", number + 1)))?;
        if line.cluster == name {
            lines.push(line);
        }
    }
    Ok(lines)
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
    let mut events: Vec<Event> = day(name)?.iter().map(event).collect();
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

impl Fed {
    /// How many events of each type are in the topic.
    pub(crate) async fn arrived(&self) -> Result<BTreeMap<Option<String>, u64>> {
        let mut arrived = BTreeMap::new();
        for record in self.cluster.records(TOPIC).await? {
            let name = record.as_record().headers().get("Event-Type").map(String::from_utf8_lossy);
            *arrived.entry(name.map(|name| name.into_owned())).or_default() += 1;
        }
        Ok(arrived)
    }
}

/// What became of the topic on a cluster of somebody's.
pub(crate) enum Topic {
    /// It was there.
    Found,
    /// It was not: it was made, and a day of orders sent to it.
    Made { events: usize },
}

/// Makes a topic with a day of orders in it, unless there is one already.
pub(crate) async fn prepare(brokers: &str, topic: &str) -> Result<Topic> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers);
    if is_there(client.clone(), topic.to_owned()).await? {
        return Ok(Topic::Found);
    }
    let admin: AdminClient<DefaultClientContext> = client.create().map_err(Error::other)?;
    let new = NewTopic::new(topic, i32::from(PARTITIONS), TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
    for result in admin.create_topics([&new], &options).await.map_err(Error::other)? {
        result.map_err(|(topic, code)| Error::other(format!("topic `{topic}` cannot be created: {code}")))?;
    }
    let producer: FutureProducer = client.create().map_err(Error::other)?;
    let day = day("internal")?;
    for line in &day {
        let headers = line.event_type.map(headers).unwrap_or_default();
        let record = FutureRecord::to(topic).key(line.key).headers(headers).payload(line.payload.get());
        producer.send(record, TIMEOUT).await.map_err(|(error, _)| Error::other(error))?;
    }
    for partition in 0..PARTITIONS {
        let record = FutureRecord::<(), ()>::to(topic).partition(i32::from(partition));
        let sent = producer.send(record.headers(headers("DayClosed")), TIMEOUT).await;
        sent.map_err(|(error, _)| Error::other(error))?;
    }
    Ok(Topic::Made { events: day.len() + usize::from(PARTITIONS) })
}

fn headers(event_type: &str) -> OwnedHeaders {
    OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some(event_type) })
}

async fn is_there(client: ClientConfig, topic: String) -> Result<bool> {
    let look = move || {
        let client: BaseConsumer = client.create()?;
        client.fetch_metadata(None, TIMEOUT)
    };
    let metadata = tokio::task::spawn_blocking(look).await.map_err(Error::other)?.map_err(Error::other)?;
    Ok(metadata.topics().iter().any(|found| found.name() == topic))
}
