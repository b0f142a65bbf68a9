use std::{fmt, sync::Arc, time::Duration};

use crate::{
    config::{ConsumerConfig, ProducerConfig},
    control::Control,
    engine::{Pipeline, Routed, policies, requirements},
    event::Events,
    handle::{Requirements, States},
    health::Health,
    layer::{AppLayers, Layer},
    metrics::Metrics,
    route::{Router, Routes},
    settle::FailurePolicy,
    traces::Tracing,
};

/// An app: parallel consumers on one set of states.
///
/// [`app!`](macro@crate::app) writes the calls of this builder; either can be used.
///
/// ```no_run
/// use evkafka::{App, ConsumerConfig, handler, router};
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {}
///
/// # #[tokio::main]
/// # async fn main() -> evkafka::Result<()> {
/// let orders = ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:9092").group_id("billing");
/// App::new("billing").version("1.0.0").consumer("orders", orders, router![on_order_created]).run().await
/// # }
/// ```
#[must_use = "an app does nothing until it is run"]
pub struct App {
    pub(super) title: String,
    pub(super) version: Option<String>,
    pub(super) states: States,
    /// Around all consumers.
    pub(super) layers: AppLayers,
    pub(super) consumers: Vec<NamedConsumer>,
    pub(super) producers: Vec<NamedProducer>,
    pub(super) shutdown_timeout: Duration,
    pub(super) stall_timeout: Duration,
    pub(super) control: Control,
    #[cfg(feature = "admin")]
    pub(super) admin: Option<crate::admin::Admin>,
    #[cfg(feature = "otel")]
    traces: Option<crate::Traces>,
    pub(super) metrics: Metrics,
    /// How often its numbers are published, if they are.
    #[cfg(feature = "metrics")]
    pub(super) publish_interval: Option<Duration>,
    /// What is wrong with it, collected until it is run so that all of it can be said at once.
    pub(super) faults: Vec<String>,
}

/// A consumer of an app.
pub(super) struct NamedConsumer {
    pub(super) name: Arc<str>,
    pub(super) config: ConsumerConfig,
    /// `None` if its router has conflicts, which are among the app's faults.
    pub(super) pipeline: Option<Box<dyn Pipeline>>,
    /// What each handler needs, by the handler's path.
    pub(super) requirements: Vec<(&'static str, Requirements)>,
    /// The failure policies that handlers have from their routers, by the handler's path.
    pub(super) policies: Vec<(&'static str, FailurePolicy)>,
    /// Who watches it.
    #[cfg(feature = "testing")]
    pub(super) observers: Vec<Arc<dyn crate::engine::Observer>>,
}

/// A producer of an app.
pub(super) struct NamedProducer {
    pub(super) name: Arc<str>,
    pub(super) config: ProducerConfig,
    pub(super) events: Events,
}

impl App {
    /// An app with this title and no consumers.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            version: None,
            states: States::default(),
            layers: AppLayers::default(),
            consumers: Vec::new(),
            producers: Vec::new(),
            shutdown_timeout: Duration::from_secs(25),
            stall_timeout: Duration::from_secs(300),
            control: Control::default(),
            #[cfg(feature = "admin")]
            admin: None,
            #[cfg(feature = "otel")]
            traces: None,
            metrics: Metrics::default(),
            #[cfg(feature = "metrics")]
            publish_interval: None,
            faults: Vec::new(),
        }
    }

    /// Sets the version of the service.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds a state, which handlers take as [`State<T>`](crate::State). An app has at most one of each type; a second one is
    /// refused when the app is run.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        if !self.states.insert(state) {
            self.faults.push(format!(
                "there are two states of type `{}`; wrap one in a type of its own",
                std::any::type_name::<T>()
            ));
        }
        self
    }

    /// Puts a [layer](Layer) around each call of all handlers, whether their consumers are added before or after it. The first is the
    /// outermost.
    ///
    /// It takes two virtual calls and two allocations for each record that has a handler; [`Router::layer`] takes none.
    ///
    /// ```
    /// use evkafka::{App, ConsumerConfig, handler, layer::Trace, router};
    ///
    /// #[handler(event = "OrderCreated")]
    /// async fn on_order_created() {}
    ///
    /// let orders = ConsumerConfig::new(["orders"]).group_id("billing");
    /// let app = App::new("billing").layer(Trace::new()).consumer("orders", orders, router![on_order_created]);
    /// # let _ = app;
    /// ```
    pub fn layer<L: Layer>(mut self, layer: L) -> Self {
        self.layers.add(layer);
        self
    }

    /// Adds a consumer, called `name` in logs and in [`Metadata`](crate::Metadata). One router may be given to several.
    ///
    /// Two consumers that share group and topic on one cluster are refused when the app is run: Kafka would give each of
    /// them a part of the partitions, and each would skip the events of the other.
    pub fn consumer<R: Routes>(
        mut self,
        name: impl Into<String>,
        config: ConsumerConfig,
        router: Router<R>,
    ) -> Self {
        let name: Arc<str> = name.into().into();
        let requirements = requirements(&router);
        if requirements.is_empty() {
            self.faults.push(format!(
                "consumer `{name}`: its router has no handlers, so every record would be skipped and committed; add a handler, \
                 or leave the consumer out"
            ));
        }
        let policies = policies(&router);
        let pipeline = match Routed::new(router, &config) {
            Ok(routed) => Some(Box::new(routed) as Box<dyn Pipeline>),
            Err(faults) => {
                self.faults.extend(faults.iter().map(|fault| format!("consumer `{name}`: {fault}")));
                None
            }
        };
        self.consumers.push(NamedConsumer {
            name,
            config,
            pipeline,
            requirements,
            policies,
            #[cfg(feature = "testing")]
            observers: Vec::new(),
        });
        self
    }

    /// Adds a producer, called `name` in logs, for events that handlers return or send with a [`Sender`](crate::Sender).
    ///
    /// An event that handlers send and no producer is for, that two are for, or that has no topic, is reported when the app is run.
    pub fn producer(mut self, name: impl Into<String>, config: ProducerConfig, events: Events) -> Self {
        let name: Arc<str> = name.into().into();
        self.producers.push(NamedProducer { name, config, events });
        self
    }

    /// Makes OpenTelemetry spans of what is handled and sent. Without this there are none.
    ///
    /// See [`Traces`](crate::Traces).
    #[cfg(feature = "otel")]
    pub fn traces(mut self, traces: crate::Traces) -> Self {
        self.traces = Some(traces);
        self
    }

    /// How it is traced: the tracer is taken now.
    pub(super) fn tracing(&mut self) -> Tracing {
        #[cfg(feature = "otel")]
        return Tracing::of(self.traces.take());
        #[cfg(not(feature = "otel"))]
        Tracing::default()
    }

    /// Controls the app while it runs: status, pause, resume, seek, drain. See [`control`](crate::control).
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Tells on any thread whether the app is live, ready and started. See [`health`](crate::health).
    pub fn health(&self) -> Health {
        Health::of(self.control.clone())
    }

    /// Sets how much longer than it may something takes before it counts as stuck, so that [`Health::live`] fails. Default: five minutes.
    /// It must be longer than zero.
    ///
    /// What has no limit of its own, such as a plain function, may take exactly this long. See
    /// [what is stuck](crate::health#what-is-stuck).
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// The numbers of the app: counts, durations and lag, as data and as text for Prometheus. See [`metrics`](crate::metrics).
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Sets how long the app may take to stop, from the signal (or whatever stops it) to its last commit.
    /// Default: 25 s, which is less than the 30 s that container platforms grant. It must be longer than zero.
    ///
    /// Handlers that are under way have 70 % of it to finish, are then told by their
    /// [`CancellationToken`](crate::CancellationToken), and are dropped after 80 %; the rest is for the last commit and for
    /// leaving the group. A record whose handler was dropped is not committed.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let consumers: Vec<_> = self.consumers.iter().map(|entry| &entry.name).collect();
        f.debug_struct("App")
            .field("title", &self.title)
            .field("version", &self.version)
            .field("consumers", &consumers)
            .finish_non_exhaustive()
    }
}
