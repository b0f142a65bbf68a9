//! Whether an app is live, ready and started, and if not, why.
//!
//! ```no_run
//! use evkafka::{App, ConsumerConfig, handler, router};
//!
//! #[handler(event = "OrderCreated")]
//! async fn on_order_created() {}
//!
//! # #[tokio::main]
//! # async fn main() -> evkafka::Result<()> {
//! let orders = ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:9092").group_id("billing");
//! let app = App::new("billing").consumer("orders", orders, router![on_order_created]);
//! let health = app.health();
//! std::thread::spawn(move || {
//!     // Or in a server of your own: `report` also serializes.
//!     let report = health.live();
//!     if !report.is_ok() {
//!         println!("{report}");
//!     }
//! });
//! app.run().await
//! # }
//! ```
//!
//! | question | what `ok` says |
//! |---|---|
//! | [`live`](Health::live) | a restart would not help |
//! | [`ready`](Health::ready) | all members of all consumers have joined their groups, even without partitions, and the app does not drain |
//! | [`started`](Health::started) | all members of all consumers have joined their groups once |
//!
//! # What is stuck
//!
//! `live` fails only where something is stuck that a restart would set free, which is named in the [report](HealthReport). It is stuck if it
//! takes longer than it may, by [`stall_timeout`](crate::App::stall_timeout) (five minutes by default):
//!
//! | what | how long it may take by itself |
//! |---|---|
//! | an attempt of an async handler | its [`attempt_timeout`](crate::FailurePolicy::attempt_timeout) (five minutes by default); then it is dropped, unless it blocks its thread |
//! | the same where that is `Duration::MAX`, and a call of a plain function | no time: `stall_timeout` is its limit |
//! | a backoff | as long as the policy says |
//! | the task of a partition, which has a turn each second unless a handler is at work | as long as the longest `attempt_timeout` of the app: a handler may block the runtime for that |
//! | a handler that was dropped, at a revocation | no time |
//! | the thread that polls Kafka for a member | no time; a look at the cluster, before it joins, its `connect_timeout` |
//!
//! It fails, too, once the app has ended and nobody had asked for that, by a signal, by [`Control::drain`](crate::Control::drain) or by the
//! future of [`run_until`](crate::App::run_until).
//!
//! These do not count, however long they last: a broker that is away, a rebalance, lag, a pause, a member without partitions, a handler that
//! fails again and again, a dead letter or an event that is not acknowledged, a pre-commit offset that is not, a wait for a permit, a
//! thread, a [rate limit](crate::layer::RateLimit) or a [concurrency limit](crate::layer::ConcurrencyLimit), a handler that waits for a
//! [`Sender`](crate::Sender), an app that drains.
//!
//! # What it costs
//!
//! It costs no reading of the clock. Partitions count what they do, and each member's thread looks at the counts once a second, so that the first
//! question has the right answer. All that is asked is answered on the thread that asks, without waiting for the app's runtime.

mod report;
mod verdict;

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

pub use self::report::{HealthProblem, HealthReason, HealthReport};
use self::verdict::{ConsumerFacts, Facts};
pub(crate) use self::verdict::{End, Stage};
use crate::control::{Control, Controlled};

/// Tells whether an [`App`](crate::App) is live, ready and started: see [the module](self).
///
/// It can be cloned, kept as a state of the app, and used on any thread: it never waits for the app. It outlives it.
#[derive(Clone)]
pub struct Health(Control);

impl Health {
    pub(crate) fn of(control: Control) -> Self {
        Self(control)
    }

    /// Whether a restart would not help. Before the app runs and while it drains it is live, and after an end that somebody asked for.
    pub fn live(&self) -> HealthReport {
        verdict::live(&self.facts())
    }

    /// Whether all members of all consumers have joined their groups, with or without partitions, and the app neither drains nor has
    /// ended. A rebalance or a broker that is away does not change that.
    pub fn ready(&self) -> HealthReport {
        verdict::ready(&self.facts())
    }

    /// Whether all members of all consumers have joined their groups once, and the app has not ended.
    pub fn started(&self) -> HealthReport {
        verdict::started(&self.facts())
    }

    fn facts(&self) -> Facts {
        let (stage, live) = self.0.stage();
        let (now, looked) = (SystemTime::now(), Instant::now());
        let facts = |consumer: &Controlled| ConsumerFacts {
            name: consumer.commands.consumer().clone(),
            members: consumer.members.vitals(),
            partitions: consumer.commands.vitals(looked),
        };
        let consumers = live.iter().flat_map(|live| &live.consumers).map(facts).collect();
        let stall_timeout = live.map_or(Duration::MAX, |live| live.stall_timeout);
        Facts { now, stage, stall_timeout, consumers }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.0).finish()
    }
}
