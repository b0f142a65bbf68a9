//! A Kafka cluster inside the process, for tests, examples and first steps: librdkafka's own mock cluster.
//!
//! It speaks Kafka's protocol on a port of the loopback interface, so that everything else is as with a real cluster:
//! consumer groups, commits, rebalances. It keeps records in memory, at most 5 MiB or 100,000 records of each partition,
//! has no access control, and needs topics to be made on its handle.
//!
//! [`Cluster::config`] is the configuration for a test: a first event is handled after 0.2 s and committed after 0.3 s, and a rebalance
//! takes about as long. With a configuration of your own, in Kafka's classic group protocol, the first join of a group takes a second,
//! and a later rebalance, as when a member leaves and another joins, until a second before the members' `session.timeout.ms` (45 s
//! unless it is set), during which the mock cluster takes no commits: set that property to 3000, say, and to no less than 2000.
//!
//! ```
//! use evkafka::{App, embedded::{Cluster, Event}, handler, router};
//!
//! #[handler(event = "OrderCreated")]
//! async fn on_order_created(id: u64) -> Result<(), String> {
//!     if id == 2 { Err("it is sold out".to_owned()) } else { Ok(()) }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> evkafka::Result<()> {
//! let cluster = Cluster::start()?;
//! cluster.create_topic("orders", 4)?;
//! cluster.create_topic("orders.dead", 1)?;
//! let policy = evkafka::FailurePolicy::new().attempts(1).dead_letter("orders.dead");
//! let config = cluster.config(["orders"], "billing").failure_policy(policy);
//! let app = App::new("billing").consumer("orders", config, router![on_order_created]);
//! app.run_until(async {
//!     let event = |payload| Event::new("orders").event_type("OrderCreated").payload(payload);
//!     cluster.send_all([event("1"), event("2")]).await.unwrap();
//!     cluster.until_caught_up("billing", "orders").await.unwrap();
//! })
//! .await?;
//! let letters = cluster.records("orders.dead").await?;
//! assert_eq!(letters.len(), 1);
//! assert_eq!(letters[0].as_record().payload(), Some(&b"2"[..]));
//! # Ok(())
//! # }
//! ```

mod clients;
mod cluster;
#[cfg(feature = "testing")]
mod elsewhere;
mod event;
mod fault;
mod host;
mod read;
mod topics;
mod waiting;

use std::time::Duration;

/// How long a broker may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

pub use self::{cluster::Cluster, event::Event};
