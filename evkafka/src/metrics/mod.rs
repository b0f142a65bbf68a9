//! What an app does, in numbers: counts, durations and lag, as a [snapshot](MetricsSnapshot), as text for Prometheus, and for the recorders and
//! meters of others.
//!
//! Numbers are always kept; nothing has to be switched on. [`App::metrics`](crate::App::metrics) gives a handle before the app is run.
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
//! let metrics = app.metrics();
//! let running = tokio::spawn(app.run());
//!
//! // Later, for example where Prometheus asks for them:
//! println!("{}", metrics.prometheus());
//! for partition in &metrics.snapshot().consumers[0].partitions {
//!     println!("{}[{}]: {:?} records behind", partition.topic, partition.partition, partition.lag);
//! }
//! # running.await.unwrap()
//! # }
//! ```
//!
//! # Series
//! Labels come from what the app registers: its consumers and producers, their groups, events that have a handler, events that a
//! producer sends; and from the cluster: topics and partitions that are assigned, and the ids of brokers, where clients
//! [report on them](crate::ConsumerConfig::statistics_interval). Nothing that is in a record is a label, so no producer of records can
//! create a series. Records of all other event types are counted as the event [`OTHER`], and those without a type as
//! [`UNTYPED`].
//!
//! Counters and histograms have no partition label, and stay when a partition is revoked. Gauges of a partition (its lag, for
//! example) have that label, and are gone when the partition is.
#![cfg_attr(
    feature = "metrics",
    doc = r#"
# The crate `metrics`
[`App::publish_metrics`](crate::App::publish_metrics) (feature `metrics`) publishes the same numbers to the global recorder of the crate
[`metrics`](https://docs.rs/metrics), under the names and labels of OpenTelemetry's form (`evkafka.partition.lag`), which exporters translate.

- A histogram cannot be published as one, since the crate takes single observations only. Its parts are gauges that only grow: `….bucket` with the
  upper bound as the label `le`, `….count` and `….sum`.
- A series cannot be removed. Gauges of a partition that was revoked, and all gauges of an app that has ended, are set to 0 once and then left alone,
  so that an exporter with an idle timeout drops them."#
)]
#![cfg_attr(
    feature = "otel",
    doc = r#"
# OpenTelemetry
[`Metrics::register_with`] (feature `otel`) has a meter observe the same numbers when its reader collects: counters as observable counters, gauges as
observable gauges.

- There is no observable histogram. Its parts are observable counters: `….bucket` with the upper bound as the attribute `le`, `….count` and `….sum`.
- A partition that was revoked is not observed any more, nor is an app that has ended once nobody keeps its [`Metrics`]. Callbacks stay with the meter
  provider, as OpenTelemetry has no way to remove one; they hold nothing of the app.
- The instruments of one collection show one [snapshot](Metrics::snapshot)."#
)]

#[cfg(feature = "metrics")]
mod facade;
#[cfg(test)]
pub(crate) mod fakes;
mod families;
mod histogram;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "metrics")]
mod publish;
mod snapshot;
mod text;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[cfg(feature = "metrics")]
pub(crate) use self::publish::Publisher;
pub use self::{
    histogram::Histogram,
    snapshot::{
        BrokerMetrics, CommitMetrics, ConsumerMetrics, EventMetrics, MembershipMetrics, MetricsSnapshot,
        PartitionMetrics, ProducerMetrics, RebalanceMetrics, SentMetrics, TopicMetrics,
    },
};

/// The content type of [`Metrics::prometheus`].
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The content type of [`Metrics::open_metrics`].
pub const OPEN_METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The event under which records are counted whose type has no handler of its own.
pub const OTHER: &str = "_other";
/// The event that records without a type count as.
pub const UNTYPED: &str = "_untyped";

/// The numbers of an [`App`](crate::App), or of a [`Producer`](crate::Producer) without one: see [the module](self).
///
/// It can be cloned, kept as a state of the app, and used on any thread. Before the app runs there is nothing to count; after it has
/// ended the last numbers stay.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Sources>>);

/// Where numbers come from.
#[derive(Default)]
pub(crate) struct Sources {
    /// In the order in which the app has them.
    consumers: Vec<Arc<dyn Consumer>>,
    producers: Vec<Arc<dyn Producer>>,
}

impl Sources {
    pub(crate) fn new<C: Consumer + 'static, P: Producer + 'static>(
        consumers: impl IntoIterator<Item = Arc<C>>,
        producers: impl IntoIterator<Item = Arc<P>>,
    ) -> Self {
        Self {
            consumers: consumers.into_iter().map(|consumer| consumer as Arc<dyn Consumer>).collect(),
            producers: producers.into_iter().map(|producer| producer as Arc<dyn Producer>).collect(),
        }
    }

    /// One producer, outside of an app.
    pub(crate) fn of_producer(producer: Arc<impl Producer + 'static>) -> Self {
        Self { consumers: Vec::new(), producers: vec![producer] }
    }
}

/// A consumer that counts.
pub(crate) trait Consumer: Send + Sync {
    fn metrics(&self) -> ConsumerMetrics;
}

/// A producer that counts.
pub(crate) trait Producer: Send + Sync {
    fn metrics(&self) -> ProducerMetrics;
}

impl Metrics {
    /// What there is now. Counts of one snapshot may be a few records apart from each other, because records are handled meanwhile; none
    /// ever decreases from one snapshot to the next.
    ///
    /// It takes some time for each event of each assigned partition (about a microsecond for ten), and asks no broker.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let sources = self.sources();
        let (consumers, producers) = (sources.consumers.clone(), sources.producers.clone());
        drop(sources);
        MetricsSnapshot {
            consumers: consumers.iter().map(|consumer| consumer.metrics()).collect(),
            producers: producers.iter().map(|producer| producer.metrics()).collect(),
        }
    }

    /// A [snapshot](Self::snapshot) as Prometheus' text, format 0.0.4. Its content type is [`PROMETHEUS_CONTENT_TYPE`].
    pub fn prometheus(&self) -> String {
        self.snapshot().prometheus()
    }

    /// A [snapshot](Self::snapshot) as OpenMetrics' text, format 1.0. Its content type is [`OPEN_METRICS_CONTENT_TYPE`].
    pub fn open_metrics(&self) -> String {
        self.snapshot().open_metrics()
    }

    /// The app runs, again perhaps: these are counted from now on.
    pub(crate) fn begin(&self, sources: Sources) {
        *self.sources() = sources;
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetricsSnapshot {
    /// It as Prometheus' text, format 0.0.4. Its content type is [`PROMETHEUS_CONTENT_TYPE`].
    pub fn prometheus(&self) -> String {
        text::write(self, text::Format::Prometheus)
    }

    /// It as OpenMetrics' text, format 1.0. Its content type is [`OPEN_METRICS_CONTENT_TYPE`].
    pub fn open_metrics(&self) -> String {
        text::write(self, text::Format::OpenMetrics)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.sources();
        f.debug_struct("Metrics")
            .field("consumers", &sources.consumers.len())
            .field("producers", &sources.producers.len())
            .finish()
    }
}
