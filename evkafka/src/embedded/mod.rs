//! A Kafka cluster inside the process, for tests, examples and first steps: librdkafka's own mock cluster.
//!
//! It speaks Kafka's protocol on a port of the loopback interface, so that everything else is as with a real cluster:
//! consumer groups, commits, rebalances. It keeps records in memory, at most 5 MiB or 100,000 records of each partition,
//! has no access control, and needs topics to be made on its handle. The first join of a group takes about a second; a later
//! rebalance, as when a member leaves and another joins, takes until a second before the members' `session.timeout.ms` (45 s
//! unless it is set), so tests that have several members set that property: to 3000, say, and to no less than 2000.
//!
//! ```
//! use evkafka::{ConsumerConfig, embedded::{Cluster, Event}};
//!
//! # #[tokio::main]
//! # async fn main() -> evkafka::Result<()> {
//! let cluster = Cluster::start()?;
//! cluster.create_topic("orders", 4)?;
//! cluster.send(Event::new("orders").event_type("OrderCreated").payload(r#"{"id": 1}"#)).await?;
//! let config = ConsumerConfig::new(["orders"]).bootstrap_servers(cluster.bootstrap_servers()).group_id("billing");
//! # let _ = config;
//! # Ok(())
//! # }
//! ```

mod cluster;
mod event;
mod host;

pub use self::{cluster::Cluster, event::Event};
