use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

use super::{Extras, Outlet, RecordForm, ReliableProducer, Sending, Sends};
use crate::{
    client::{ClientLog, Statistics},
    config::{ProducerConfig, ResolvedProducerConfig},
    error::{Error, Result},
    event::Event,
    metrics::{Metrics, Sources},
    traces::Tracing,
};

/// Sends events, of any type. Clones share one client.
///
/// In an app, name its producers in [`app!`](macro@crate::app) and take a [`Sender`](crate::Sender) in the handler, or return the events.
/// A `Producer` is for everything else: a command-line tool, an HTTP server, a job.
///
/// ```no_run
/// use evkafka::{Event, Producer, ProducerConfig};
/// use serde::Serialize;
///
/// #[derive(Serialize, Event)]
/// #[event(topic = "orders", key = id)]
/// struct OrderCreated {
///     id: u64,
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let producer = Producer::new("shop", &ProducerConfig::new().bootstrap_servers("localhost:9092"))?;
/// let delivered = producer.send(&OrderCreated { id: 7 }).header("source", "web").await?;
/// println!("partition {}, offset {}", delivered.partition, delivered.offset);
/// # Ok(())
/// # }
/// ```
///
/// When the last clone is dropped, events that were [enqueued](Sending::enqueue) and not acknowledged are dropped too:
/// [`flush`](Self::flush) it first.
#[derive(Clone)]
pub struct Producer(Arc<Outlet>);

impl Producer {
    /// A producer, called `name` in logs. It connects in the background: without a cluster, sending waits for it.
    ///
    /// # Errors
    /// If the configuration has faults, of the kind [`Configuration`](crate::error::ErrorKind::Configuration), or librdkafka cannot start
    /// the client.
    pub fn new(name: impl Into<String>, config: &ProducerConfig) -> Result<Self> {
        Self::resolve(name.into().into(), config, &Tracing::default())
    }

    fn resolve(name: Arc<str>, config: &ProducerConfig, tracing: &Tracing) -> Result<Self> {
        let config = config.resolve().map_err(|error| {
            Error::faults(error.faults().map(|fault| format!("producer `{name}`: {fault}")).collect())
        })?;
        Self::start(name, &config, tracing)
    }

    /// A producer whose events are OpenTelemetry spans, in the trace of the code that sends them; their records say so.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[cfg(feature = "otel")]
    pub fn with_traces(
        name: impl Into<String>,
        config: &ProducerConfig,
        traces: crate::Traces,
    ) -> Result<Self> {
        Self::resolve(name.into().into(), config, &Tracing::of(Some(traces)))
    }

    /// With a configuration that has no fault.
    pub(crate) fn start(name: Arc<str>, config: &ResolvedProducerConfig, tracing: &Tracing) -> Result<Self> {
        let settings = config.client_config();
        let statistics = Arc::<Statistics>::default();
        let log = ClientLog::of_producer(Arc::clone(&name), &settings).with_statistics(&statistics);
        let producer = ReliableProducer::new(log.clone(), settings, Sends::Events);
        let producer = producer.map_err(|cause| log.error(cause))?;
        #[cfg(feature = "testing")]
        let producer = producer.with_topic_prefix(config.topic_prefix.as_deref());
        let outlet = Outlet::new(name, producer, RecordForm::of(config), tracing);
        Ok(Self(Arc::new(outlet.with_statistics(statistics))))
    }

    pub(crate) fn outlet(&self) -> &Arc<Outlet> {
        &self.0
    }

    /// Sends an event: nothing happens until the call that this returns is awaited, or [enqueued](Sending::enqueue).
    pub fn send<'s, E>(&'s self, event: &'s E) -> Sending<'s, E>
    where
        E: Event + Serialize + ?Sized,
    {
        Sending::new(&self.0, E::TOPIC, event, Extras::default())
    }

    /// The numbers of this producer: what was sent, by event, and what its client reports on itself, if
    /// [`statistics_interval`](ProducerConfig::statistics_interval) is set. Those of an app's producers are among the
    /// [app's](crate::App::metrics).
    ///
    /// The handle does not keep the producer alive; after its end the last counts stay.
    pub fn metrics(&self) -> Metrics {
        let metrics = Metrics::default();
        metrics.begin(Sources::of_producer(self.0.counted()));
        metrics
    }

    /// Waits until all events that this producer and its clones have [enqueued](Sending::enqueue) are acknowledged, or have failed, which is
    /// logged; whether that was so within `timeout`. What is enqueued meanwhile is waited for too. Events that are awaited do not count, as
    /// their calls say what became of them, nor do those of other producers.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub async fn flush(&self, timeout: Duration) -> bool {
        tokio::time::timeout(timeout, self.0.flushed()).await.is_ok()
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("name", &self.0.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, crate::Event)]
    #[event(crate = crate, topic = "prices")]
    struct OrderPriced;

    #[tokio::test]
    async fn a_flush_waits_for_what_its_producer_and_its_clones_have_enqueued() {
        // Nobody listens at this port.
        let config = ProducerConfig::new().bootstrap_servers("127.0.0.1:1");
        let [busy, idle] = ["busy", "idle"].map(|name| Producer::new(name, &config).expect("it starts"));
        busy.send(&OrderPriced).enqueue().await.expect("there is room");
        assert!(idle.flush(Duration::from_secs(60)).await);
        assert!(!busy.clone().flush(Duration::from_millis(10)).await);
    }
}
