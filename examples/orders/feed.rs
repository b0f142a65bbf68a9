//! Two clusters inside the process, and the events that they are fed.

use std::{collections::BTreeMap, time::Duration};

use evkafka::{
    ConsumerConfig,
    embedded::{Cluster, Event},
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One event a line.
const EVENTS: &str = include_str!("orders.jsonl");

pub(crate) const TOPIC: &str = "orders";
pub(crate) const GROUP: &str = "billing";

/// The types that the service handles, by consumer.
const HANDLED: &[(&str, &[&str])] = &[
    (
        "shop",
        &[
            "OrderCreated",
            "OrderPaid",
            "OrderCancelled",
            "RefundRequested",
            "InvoicesInspected",
            "LedgerInspected",
        ],
    ),
    ("old_shop", &["OrderCreated", "OrderPaid", "OrderCancelled"]),
];

#[derive(Deserialize)]
struct Line<'a> {
    cluster: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    key: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// The clusters, and what was sent to each.
pub(crate) struct Feed {
    clusters: BTreeMap<&'static str, Cluster>,
    /// How many events of each type were sent to each cluster.
    sent: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

impl Feed {
    pub(crate) async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let mut feed = Self { clusters: BTreeMap::new(), sent: BTreeMap::new() };
        for (name, partitions) in [("shop", 4), ("old_shop", 2)] {
            let cluster = Cluster::start()?;
            cluster.create_topic(TOPIC, partitions)?;
            let mut events = Vec::new();
            for line in EVENTS.lines() {
                let line: Line<'_> = serde_json::from_str(line)?;
                if line.cluster == name {
                    let event = Event::new(TOPIC).event_type(line.event_type).key(line.key);
                    events.push(event.payload(line.payload.get()));
                    *feed.sent.entry(name).or_default().entry(line.event_type.to_owned()).or_default() += 1;
                }
            }
            cluster.send_all(events).await?;
            feed.clusters.insert(name, cluster);
        }
        Ok(feed)
    }

    pub(crate) fn config(&self, cluster: &str) -> ConsumerConfig {
        ConsumerConfig::new([TOPIC])
            .bootstrap_servers(self.clusters[cluster].bootstrap_servers())
            .group_id(GROUP)
            // So that nobody has to wait for the summary.
            .commit_interval(Duration::from_millis(100))
    }

    pub(crate) fn sent(&self) -> &BTreeMap<&'static str, BTreeMap<String, usize>> {
        &self.sent
    }

    /// How many of the events have a handler.
    pub(crate) fn to_be_handled(&self) -> usize {
        HANDLED
            .iter()
            .flat_map(|(cluster, types)| {
                types.iter().filter_map(|event_type| self.sent[cluster].get(*event_type))
            })
            .sum()
    }

    /// Waits until the service has committed past everything that was sent, what nobody handles included.
    pub(crate) async fn until_all_committed(&self) {
        for (cluster, types) in &self.sent {
            let sent: usize = types.values().sum();
            while self.committed(cluster).await.is_ok_and(|committed| committed < sent as i64) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// How far the service has come on a cluster: the sum of what its group has committed.
    pub(crate) async fn committed(&self, cluster: &str) -> evkafka::Result<i64> {
        Ok(self.clusters[cluster].committed(GROUP, TOPIC).await?.values().sum())
    }
}
