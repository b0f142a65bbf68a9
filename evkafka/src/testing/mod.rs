//! A client for tests without a broker: it runs an app on topics in memory, with the engine that runs it on Kafka.
//!
//! ```
//! use evkafka::{App, ConsumerConfig, Event, FailurePolicy, handler, router, testing::TestClient};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Event)]
//! #[event(topic = "orders", key = id)]
//! struct OrderCreated {
//!     id: u64,
//!     cents: u64,
//! }
//!
//! #[handler(event = "OrderCreated")]
//! async fn on_order_created(order: OrderCreated) -> Result<(), &'static str> {
//!     if order.cents == 0 { Err("nothing to pay") } else { Ok(()) }
//! }
//!
//! fn billing() -> App {
//!     let policy = FailurePolicy::new().attempts(3).dead_letter("orders.dead");
//!     let orders = ConsumerConfig::new(["orders"]).bootstrap_servers("kafka:9092").group_id("billing");
//!     App::new("billing").consumer("orders", orders.failure_policy(policy), router![on_order_created])
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let t = TestClient::new(billing());
//! t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
//! t.send(&OrderCreated { id: 8, cents: 0 }).await.assert_dead_lettered("orders.dead").assert_attempts(3);
//! assert_eq!(t.dead_letters("orders.dead").len(), 1);
//! # });
//! ```
//!
//! # What is real, and what is not
//!
//! Routing, decoding, extractors, handlers, concurrency, batches, retries, failure policies, dead letters, sending, delivery guarantees,
//! persisted progress and the drain at the end are the engine's own. In place of Kafka there are:
//!
//! - **Topics in memory.** Those that consumers name are there, with one partition each unless the
//!   [builder](TestClientBuilder::partitions) says otherwise; one that a pattern matches is created when something is written to it.
//!   Keys go to partitions as with Java's partitioner. Servers are ignored: consumers of different clusters read the same topics.
//! - **One member of each group**, whatever `instances` says, which is assigned all partitions.
//! - **Commits that succeed**, at the consumer's `commit_interval`; [`idle`](TestClient::idle) has them made at once.
//!
//! librdkafka, its properties, and what brokers do (retention, transactions, access control) take no part: that is for the embedded
//! cluster and for Kafka itself.
//!
//! The same test runs on an embedded cluster with [`TestClientBuilder::on`]: see [`Backend`].
//!
//! # Time
//!
//! All waits are by tokio's clock. In a test with `#[tokio::test(start_paused = true)]` (tokio's feature `test-util`) a backoff of an hour
//! passes at once. Without it, time passes as ever, and a test with a multi-threaded runtime works as well.
//!
//! A plain (blocking) handler runs on a thread of the test's own runtime, whose paused clock stands still meanwhile. It has to return:
//! one that waits for something that only happens later by tokio's clock, or for the test itself, waits for ever.
//!
//! Whatever a test awaits ends: if a record is not settled after 60 s, or after a week of paused time (which takes 5 s at least), the await
//! panics with the record's [`Story`].

mod backend;
mod builder;
mod client;
#[cfg(feature = "embedded")]
mod embedded;
mod ground;
mod memory;
mod record;
mod refusal;
mod run;
mod settled;
mod story;
mod trouble;
mod watch;

pub use self::{
    backend::Backend,
    builder::TestClientBuilder,
    client::TestClient,
    record::{Pending, TestRecord},
    refusal::Refusal,
    settled::Settled,
    story::{Settlement, Story},
};
