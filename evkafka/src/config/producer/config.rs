use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::EventFormat;
use crate::config::secret::{Redacted, shown_servers};

/// The configuration of one producer: where it sends events, and how.
///
/// One setting is required: the servers.
///
/// ```
/// use evkafka::ProducerConfig;
///
/// let prices = ProducerConfig::new().bootstrap_servers("localhost:9092").topic("prices");
/// assert!(prices.validate().is_ok());
/// ```
///
/// A producer is always idempotent, and waits for all in-sync replicas: an event that it reports as sent is not lost when a
/// broker is. librdkafka's retries neither duplicate nor reorder events. An event that evkafka sends again, because it was refused
/// or its acknowledgement is missing, may be in its topic twice, and behind later ones.
///
/// # Settings
///
/// | name | default | what it says |
/// |---|---|---|
/// | `bootstrap_servers` | required | [where the cluster is](Self::bootstrap_servers) |
/// | `topic` | none | [where events are sent that name no topic](Self::topic) |
/// | `event_format` | `"headers"` | [how a record says which event it is](Self::event_format): in headers, or as a CloudEvent |
/// | `event_source` | none | [whose events they are](Self::event_source), as CloudEvents say it: required for them |
/// | `event_type_header` | `"Event-Type"` | [the header that names the event](Self::event_type_header) |
/// | `event_version_header` | `"Event-Version"` | [the header with the event's version](Self::event_version_header) |
/// | `delivery_timeout` | `"2m"` | [how long sending an event may take](Self::delivery_timeout) |
/// | `linger` | `"1ms"` | [how long events are collected for one request](Self::linger) |
/// | `forward_trace` | `true` | [whether what a handler sends carries its record's trace](Self::forward_trace) |
/// | `statistics_interval` | none | [how often the client reports on its connections](Self::statistics_interval) |
/// | `properties` | none | [properties of librdkafka](Self::property) |
///
/// # From a file or the environment
///
/// A `ProducerConfig` is [`Deserialize`](serde::Deserialize) under the names above, by the rules that hold for a
/// [`ConsumerConfig`](crate::ConsumerConfig#from-a-file-or-the-environment): durations have units, every value may be a string, all faults
/// are reported together, an unknown name with the closest match. Its [secrets](crate::ConsumerConfig#secrets) may be kept elsewhere too.
///
/// ```
/// # use evkafka::ProducerConfig;
/// # use serde::Deserialize;
/// #[derive(Deserialize)]
/// struct Settings {
///     prices: ProducerConfig,
/// }
///
/// let settings: Settings = toml::from_str(r#"
///     [prices]
///     bootstrap_servers = "kafka-1:9092,kafka-2:9092"
///     topic = "prices"
///     delivery_timeout = "30s"
///     linger = "5ms"
///     properties = { "compression.type" = "lz4", "batch.size" = 200000 }
/// "#)?;
/// assert_eq!(settings.prices.get_topic(), Some("prices"));
/// # Ok::<(), toml::de::Error>(())
/// ```
///
/// # librdkafka's properties
///
/// Every [property of librdkafka][properties] that is of use to a producer can be set, except those that evkafka owns, such as
/// `acks`: these are rejected, and the error says what to use instead. evkafka has defaults of its own for some:
///
/// | property | evkafka's default | why |
/// |---|---|---|
/// | `allow.auto.create.topics` | `false` | a mistyped topic is reported, not created |
/// | `client.id` | `evkafka` | names the framework in the brokers' logs |
/// | `message.max.bytes` | `1000000000` | the brokers' limit, which is for compressed batches, is the one that counts; librdkafka's `1000000` is for records before they are compressed |
/// | `partitioner` | `murmur2_random` | keys go to the partitions where Java's and Python's producers put them; librdkafka's `consistent_random` uses CRC32 |
/// | `reconnect.backoff.max.ms` | `1000` | librdkafka's `10000` may keep a producer away from a broker that is back for so long |
///
/// Batches are not compressed unless `compression.type` says so: that is the default of librdkafka and of Java's producer.
///
/// [properties]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md
#[derive(Clone, PartialEq)]
#[must_use = "a configuration does nothing until a producer is made of it"]
pub struct ProducerConfig {
    pub(crate) bootstrap_servers: String,
    pub(crate) topic: Option<String>,
    pub(crate) event_format: EventFormat,
    pub(crate) event_source: Option<String>,
    pub(crate) event_type_header: Option<String>,
    pub(crate) event_version_header: Option<String>,
    /// What is in front of the names of topics: on a cluster that a test shares with others.
    #[cfg(feature = "testing")]
    pub(crate) topic_prefix: Option<String>,
    pub(crate) delivery_timeout: Duration,
    pub(crate) linger: Duration,
    pub(crate) forward_trace: bool,
    pub(crate) statistics_interval: Option<Duration>,
    pub(crate) properties: BTreeMap<String, String>,
}

/// The names of the settings.
pub(in crate::config) const SETTINGS: &[&str] = &[
    "bootstrap_servers",
    "topic",
    "event_format",
    "event_source",
    "event_type_header",
    "event_version_header",
    "delivery_timeout",
    "linger",
    "forward_trace",
    "statistics_interval",
    "properties",
];

impl Default for ProducerConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl ProducerConfig {
    /// A configuration with defaults for everything but the servers.
    pub fn new() -> Self {
        Self {
            bootstrap_servers: String::new(),
            topic: None,
            event_format: EventFormat::Headers,
            event_source: None,
            event_type_header: None,
            event_version_header: None,
            #[cfg(feature = "testing")]
            topic_prefix: None,
            delivery_timeout: Duration::from_secs(120),
            linger: Duration::from_millis(1),
            forward_trace: true,
            statistics_interval: None,
            properties: BTreeMap::new(),
        }
    }

    /// Where to find the cluster: `host:port` of a few of its brokers, separated by commas.
    ///
    /// The brokers name the rest of the cluster, so one that answers is enough.
    pub fn bootstrap_servers(mut self, servers: impl Into<String>) -> Self {
        self.bootstrap_servers = servers.into();
        self
    }

    /// Where events are sent whose type names no [topic](crate::Event::TOPIC). Default: none, such events have to be given one where
    /// they are sent.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// How a record says which event it is. Default: [`Headers`](EventFormat::Headers).
    ///
    /// As CloudEvents, events are read by consumers whose [`event_type`](crate::ConsumerConfig::event_type) is `cloudevents`, and by the
    /// SDKs of others. Each has an id of its own (a random UUID), which it keeps when it is sent again. A
    /// [version](crate::Event::VERSION) is behind the type, `OrderPriced.v2`: consumers read it with
    /// [`event_version`](crate::ConsumerConfig::event_version) = `suffix`.
    ///
    /// ```
    /// use evkafka::{EventFormat, ProducerConfig};
    ///
    /// let prices = ProducerConfig::new()
    ///     .bootstrap_servers("localhost:9092")
    ///     .event_format(EventFormat::CloudEvents)
    ///     .event_source("/billing");
    /// assert!(prices.validate().is_ok());
    /// ```
    pub fn event_format(mut self, format: EventFormat) -> Self {
        self.event_format = format;
        self
    }

    /// Whose events they are: the attribute `source` of CloudEvents, a URI reference such as `/billing` or
    /// `https://example.com/billing`. Together with the id it is unique. Required where the [`event_format`](Self::event_format) is one of
    /// theirs, and of no use elsewhere.
    pub fn event_source(mut self, source: impl Into<String>) -> Self {
        self.event_source = Some(source.into());
        self
    }

    /// The header whose value names the type of a record's event. Default: `Event-Type`, where a
    /// [consumer](crate::ConsumerConfig::event_type_header) looks for it by default. It must not be empty, contain control characters,
    /// or begin or end with white space.
    pub fn event_type_header(mut self, name: impl Into<String>) -> Self {
        self.event_type_header = Some(name.into());
        self
    }

    /// The header with the version of the event's type, in decimal digits. Default: `Event-Version`. Events without a
    /// [version](crate::Event::VERSION) do not have it. The same is required of it as of
    /// [`event_type_header`](Self::event_type_header), and the two must differ.
    pub fn event_version_header(mut self, name: impl Into<String>) -> Self {
        self.event_version_header = Some(name.into());
        self
    }

    /// How long an event may take from the call that sends it to its acknowledgement, waiting for room in the producer's queue and
    /// retries included; after that the call ends with an error, at most about a second later. Default: 2 min, as Java's. From 1 ms to
    /// 24 days.
    ///
    /// An event that was not acknowledged in time may be in its topic all the same. Events that handlers return are sent again then, until
    /// they are acknowledged.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// How long an event waits for others of its partition, to be sent with them in one request. Default: 1 ms. At most 15 min, and shorter
    /// than the [`delivery_timeout`](Self::delivery_timeout).
    ///
    /// Zero sends each event at once. That is not faster for those who send many: events that wait anyway, while requests are in
    /// flight, are always sent together.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Whether what a handler sends carries the trace of the record that it handles (its headers `traceparent` and `tracestate`, where
    /// it has them), and names that record. Default: `true`.
    pub fn forward_trace(mut self, forward: bool) -> Self {
        self.forward_trace = forward;
        self
    }

    /// How often the producer's Kafka client reports on its connections and its queue, for [`App::metrics`](crate::App::metrics) and
    /// [`Producer::metrics`](crate::Producer::metrics). Default: not at all, and then it costs nothing. From 100 ms to 24 h; see
    /// [the consumer's](crate::ConsumerConfig::statistics_interval).
    pub fn statistics_interval(mut self, interval: Duration) -> Self {
        self.statistics_interval = Some(interval);
        self
    }

    /// Sets a [property of librdkafka][properties]. A second value for the same property replaces the first.
    ///
    /// The value may be a string, a number or a boolean. Properties that evkafka owns, properties of consumers, unknown properties
    /// and values that librdkafka does not accept are faults, which [`validate`](Self::validate) reports.
    ///
    /// ```
    /// # use evkafka::ProducerConfig;
    /// let prices = ProducerConfig::new().property("compression.type", "lz4").property("batch.size", 200_000);
    /// assert_eq!(prices.get_property("batch.size"), Some("200000"));
    /// ```
    ///
    /// [properties]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md
    pub fn property(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.properties.insert(name.into(), value.to_string());
        self
    }

    /// Sets several [properties](Self::property).
    pub fn properties<N: Into<String>, V: fmt::Display>(
        self,
        properties: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        properties.into_iter().fold(self, |config, (name, value)| config.property(name, value))
    }

    /// The servers, separated by commas; empty if none were given.
    pub fn get_bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Where events are sent that name no topic, if that was given.
    pub fn get_topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// The header that names the event.
    pub(crate) fn type_header(&self) -> &str {
        self.event_type_header.as_deref().unwrap_or("Event-Type")
    }

    /// The header with the event's version.
    pub(crate) fn version_header(&self) -> &str {
        self.event_version_header.as_deref().unwrap_or("Event-Version")
    }

    /// The value that was given to a property of librdkafka. It may be a secret.
    pub fn get_property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }
}

/// Shows the settings; the values of properties that may be secret are left out.
impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerConfig")
            .field("bootstrap_servers", &shown_servers(&self.bootstrap_servers))
            .field("topic", &self.topic)
            .field("event_format", &self.event_format)
            .field("event_source", &self.event_source)
            .field("event_type_header", &self.event_type_header)
            .field("event_version_header", &self.event_version_header)
            .field("delivery_timeout", &self.delivery_timeout)
            .field("linger", &self.linger)
            .field("forward_trace", &self.forward_trace)
            .field("statistics_interval", &self.statistics_interval)
            .field("properties", &Redacted(&self.properties))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_settings_and_hides_secrets() {
        let config = ProducerConfig::new()
            .bootstrap_servers("kafka:9092")
            .topic("prices")
            .property("sasl.username", "alice")
            .property("sasl.password", "hunter2")
            .property("batch.size", 1024);
        let debug = format!("{config:?}");
        for shown in ["kafka:9092", "prices", "event_version_header", "\"batch.size\": \"1024\""] {
            assert!(debug.contains(shown), "{shown} is not in {debug}");
        }
        assert!(debug.contains("\"sasl.password\": \"…\""));
        assert!(!debug.contains("hunter2") && !debug.contains("alice"));
        let address = ProducerConfig::new().bootstrap_servers("sasl_ssl://alice:hunter2@kafka:9092");
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}
