use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::choice::{AutoCommitMode, OffsetReset, OnUnavailable};
use super::concurrency::Concurrency;
use super::secret::{Redacted, shown_servers};
use crate::{event_type::EventTypeSource, settle::FailurePolicy};

/// The configuration of one consumer: which topics it reads, where, and on behalf of which group.
///
/// Three settings are required: the topics, the servers and the group.
///
/// ```
/// use evkafka::ConsumerConfig;
///
/// let orders = ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:9092").group_id("billing");
/// assert!(orders.validate().is_ok());
/// ```
///
/// # Settings
///
/// | name | default | what it says |
/// |---|---|---|
/// | `topics` | required | [the topics to read](Self::new) |
/// | `bootstrap_servers` | required | [where the cluster is](Self::bootstrap_servers) |
/// | `group_id` | required | [the consumer group](Self::group_id) |
/// | `auto_commit_mode` | `"post-commit"` | [when offsets are committed](Self::auto_commit_mode) |
/// | `commit_interval` | `"5s"` | [how often offsets are committed](Self::commit_interval) |
/// | `auto_offset_reset` | `"earliest"` | [where a new group starts](Self::auto_offset_reset) |
/// | `event_type` | `"header:Event-Type"` | [where the type of an event is read](Self::event_type) |
/// | `event_type_header` | none | [a short form of it](Self::event_type_header), for one header |
/// | `event_names` | none | [what others call our events](Self::event_names) |
/// | `event_version` | none | [where the version of an event is read](Self::event_version) |
/// | `instances` | `1` | [how many members of the group run in this process](Self::instances) |
/// | `group_instance_id` | none | [static membership](Self::group_instance_id) |
/// | `connect_timeout` | `"10s"` | [how long a start waits for the cluster](Self::connect_timeout) |
/// | `on_unreachable` | `"fail"` | [what a start does without a cluster](Self::on_unreachable) |
/// | `on_missing_topic` | `"fail"` | [what a start does without a topic](Self::on_missing_topic) |
/// | `revoke_grace` | `"5s"` | [how long handlers of lost partitions may go on](Self::revoke_grace) |
/// | `concurrency` | `"partition"` | [which records are handled concurrently](Self::concurrency) |
/// | `in_flight` | `100` | [how many of them](Concurrency::in_flight), if `concurrency` is `"key"` or `"unordered"` |
/// | `persist_progress` | `false` | [whether a restart skips what was settled ahead](Self::persist_progress) |
/// | `prefetch_memory_mib` | `64` | [how much is fetched ahead](Self::prefetch_memory_mib) |
/// | `statistics_interval` | none | [how often the clients report on their connections](Self::statistics_interval) |
/// | `attempt_timeout` | `"5m"` | [how long an attempt at a record may take](FailurePolicy::attempt_timeout) |
/// | `retry_attempts` | unlimited | [how often a record is tried, the first time included](FailurePolicy::attempts) |
/// | `retry_backoff` | `"100ms"` | [the wait after the first failure](FailurePolicy::backoff) |
/// | `retry_backoff_max` | `"30s"` | [the longest wait between attempts](FailurePolicy::backoff) |
/// | `retry_last_step` | `"stop"` | [what is done with a record that is not tried again](FailurePolicy::last_step) |
/// | `dead_letter_topic` | none | [where such a record is sent](FailurePolicy::dead_letter), in place of `retry_last_step` |
/// | `failure_policy` | none | a table with the six settings before, in place of them |
/// | `properties` | none | [properties of librdkafka](Self::property) |
///
/// # From a file or the environment
///
/// A `ConsumerConfig` is [`Deserialize`](serde::Deserialize), from any format that describes itself, under the names
/// above. In TOML:
///
/// ```
/// # use evkafka::ConsumerConfig;
/// # use serde::Deserialize;
/// #[derive(Deserialize)]
/// struct Settings {
///     orders: ConsumerConfig,
/// }
///
/// let settings: Settings = toml::from_str(r#"
///     [orders]
///     topics = ["orders", "refunds"]
///     bootstrap_servers = "kafka-1:9092,kafka-2:9092"
///     group_id = "billing"
///     auto_commit_mode = "pre-commit"
///     revoke_grace = "500ms"
///     properties = { "socket.keepalive.enable" = true, "fetch.min.bytes" = 1024 }
/// "#)?;
/// assert_eq!(settings.orders.get_group_id(), "billing");
/// # Ok::<(), toml::de::Error>(())
/// ```
///
/// - A duration is a string of a whole number and a unit: `ms`, `s`, `m` or `h`. A number alone is refused.
/// - `topics` and `bootstrap_servers` are lists, or one string with commas. Numbers may be strings. So the environment,
///   where everything is a string, does as well as a file.
/// - Text is written as a string also where it looks like a number: `group_id = "0042"`. Some readers of the environment take
///   `0042` for the number 42, and what has lost its zeros is refused; write it in quotes for figment, and leave `try_parsing`
///   of the config crate off.
/// - A librdkafka property stands in the table `properties`, or beside the settings if there is a dot in its name. A
///   nested table counts as a name with dots, because TOML reads `fetch.min.bytes = 1` as one. A property's value is a
///   string; it may be a number or a boolean where librdkafka wants one.
/// - `null` is the same as leaving a setting out.
/// - An unknown name is refused, with the nearest known one.
///
/// All faults of what is written are reported together, in one error. What is left out is none of them: it can still be
/// set in code, and [`validate`](Self::validate) reports it. An error does not show the values of properties that may
/// be secret. What the format's library adds may, though: an error of `toml` displays the line at which the table at
/// fault begins, and its `Debug` form has the whole file in it. Display such an error, and do not return it from `main`.
///
/// # Secrets
///
/// The value of a property can be kept elsewhere: `sasl.password.file` names a file that has it (a line break at the end does
/// not belong to it), `sasl.password.env` an environment variable, and so for every property. Deserializing a configuration
/// reads neither. An app reads them once, when it starts, and all its clients get the same values; what cannot be read, or is
/// empty, ends the start with an error. ([`validate`](Self::validate) and [`App::check`](crate::App::check) read them too.)
/// What may be secret is never printed: not in `Debug`, not in an error, not in a log.
///
/// # librdkafka's properties
///
/// Every [property of librdkafka][properties] that is of use to a consumer can be set, save those that evkafka owns,
/// such as `enable.auto.commit`: these are refused, and the error says what to use instead. evkafka has defaults of its
/// own for some:
///
/// | property | evkafka's default | why |
/// |---|---|---|
/// | `allow.auto.create.topics` | `false` | a mistyped topic is reported, not created |
/// | `check.crcs` | `true` | a batch that was damaged on the way or on a broker's disk stops the app, and reaches no handler; Java's consumer does the same |
/// | `client.id` | `evkafka` | names the framework in the brokers' logs |
/// | `fetch.queue.backoff.ms` | `10` | librdkafka's `1000` leaves a fast consumer idle |
/// | `fetch.wait.max.ms` | `100` | while a fetch of partitions that have nothing waits at a broker (librdkafka: `500`), full ones are not fetched, and run dry |
/// | `partition.assignment.strategy` | `cooperative-sticky` | a rebalance takes away only the partitions that move ([what the others do meanwhile](Self::revoke_grace)); not set with `group.protocol` = `consumer` |
/// | `reconnect.backoff.max.ms` | `1000` | librdkafka's `10000` may keep a consumer away from a broker that is back until its session is over |
///
/// [properties]: https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md
#[derive(Clone, PartialEq)]
#[must_use = "a configuration does nothing until an app runs a consumer with it"]
pub struct ConsumerConfig {
    pub(crate) topics: Vec<String>,
    pub(crate) bootstrap_servers: String,
    pub(crate) group_id: String,
    pub(crate) auto_commit_mode: AutoCommitMode,
    pub(crate) commit_interval: Duration,
    pub(crate) auto_offset_reset: OffsetReset,
    pub(crate) event_type: Option<Vec<EventTypeSource>>,
    pub(crate) event_type_header: Option<String>,
    /// What is in front of the names of topics: on a cluster that a test shares with others.
    #[cfg(feature = "testing")]
    pub(crate) topic_prefix: Option<String>,
    pub(crate) event_names: BTreeMap<String, String>,
    pub(crate) event_version: Option<String>,
    pub(crate) instances: u32,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) on_unreachable: OnUnavailable,
    pub(crate) on_missing_topic: OnUnavailable,
    pub(crate) revoke_grace: Duration,
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) concurrency: Concurrency,
    pub(crate) persist_progress: bool,
    pub(crate) prefetch_memory_mib: u32,
    pub(crate) statistics_interval: Option<Duration>,
    pub(crate) properties: BTreeMap<String, String>,
}

/// The names of the settings.
pub(super) const SETTINGS: &[&str] = &[
    "topics",
    "bootstrap_servers",
    "group_id",
    "auto_commit_mode",
    "commit_interval",
    "auto_offset_reset",
    "event_type",
    "event_type_header",
    "event_names",
    "event_version",
    "instances",
    "group_instance_id",
    "connect_timeout",
    "on_unreachable",
    "on_missing_topic",
    "revoke_grace",
    "concurrency",
    "in_flight",
    "persist_progress",
    "prefetch_memory_mib",
    "statistics_interval",
    "failure_policy",
    "attempt_timeout",
    "retry_attempts",
    "retry_backoff",
    "retry_backoff_max",
    "retry_last_step",
    "dead_letter_topic",
    "properties",
];

impl ConsumerConfig {
    /// A consumer of these topics, with the default of every setting that has one.
    ///
    /// A name that starts with `^` is a regular expression, and stands for all topics that match it, also those that
    /// are created later. How it is read is up to librdkafka.
    pub fn new(topics: impl IntoIterator<Item: Into<String>>) -> Self {
        Self {
            topics: topics.into_iter().map(Into::into).collect(),
            bootstrap_servers: String::new(),
            group_id: String::new(),
            auto_commit_mode: AutoCommitMode::default(),
            commit_interval: Duration::from_secs(5),
            auto_offset_reset: OffsetReset::default(),
            event_type: None,
            event_type_header: None,
            #[cfg(feature = "testing")]
            topic_prefix: None,
            event_names: BTreeMap::new(),
            event_version: None,
            instances: 1,
            group_instance_id: None,
            connect_timeout: Duration::from_secs(10),
            on_unreachable: OnUnavailable::default(),
            on_missing_topic: OnUnavailable::default(),
            revoke_grace: Duration::from_secs(5),
            failure_policy: FailurePolicy::default(),
            concurrency: Concurrency::default(),
            persist_progress: false,
            prefetch_memory_mib: 64,
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

    /// The consumer group on whose behalf records are read, and offsets committed.
    pub fn group_id(mut self, group: impl Into<String>) -> Self {
        self.group_id = group.into();
        self
    }

    /// When the offset of a record is committed, and so how often a record may be handled. Default:
    /// [`AutoCommitMode::PostCommit`], at least once.
    pub fn auto_commit_mode(mut self, mode: AutoCommitMode) -> Self {
        self.auto_commit_mode = mode;
        self
    }

    /// How often the offsets of settled records are committed. Default: 5 s. It must be longer than zero.
    ///
    /// They are committed as well when partitions are given up and when the consumer ends. The longer the interval, the
    /// more records are handled again after the process died. It has no effect on [`AutoCommitMode::PreCommit`], which
    /// commits before each batch of records.
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.commit_interval = interval;
        self
    }

    /// Where the group starts in a partition for which it has no committed offset. Default:
    /// [`OffsetReset::Earliest`].
    pub fn auto_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.auto_offset_reset = reset;
        self
    }

    /// Where the type of a record's event is read: places, of which the first that answers wins. Default: the header `Event-Type`.
    ///
    /// | place | what it is |
    /// |---|---|
    /// | `"header:NAME"` | the last header of this name, compared byte by byte |
    /// | `"header-ignore-case:NAME"` | the same without regard to the case of ASCII letters |
    /// | `"cloudevents"` | CloudEvents: the header `ce_type`, or in structured mode the field `type` of the payload, whose `data` is decoded |
    /// | `"json:FIELD"` | a field at the top of a JSON payload that is a string; what is behind it is not looked at |
    /// | `"topic"` | the name of the record's topic |
    /// | `"constant:NAME"` | always this |
    /// | `"spring"` | Spring's header `__TypeId__`, a class name |
    /// | `"masstransit"` | the first name in the envelope's `messageType`, whose `message` is decoded |
    /// | `"nservicebus"` | the first name in the header `NServiceBus.EnclosedMessageTypes`, without its assembly |
    /// | `"axon"` | Axon's header `axon-message-type`; the version is in `axon-message-revision` |
    /// | [`EventTypeSource::function`] | what a function of the record says, in code only |
    ///
    /// In a configuration file it is a list, or one string with commas.
    ///
    /// ```
    /// # use evkafka::ConsumerConfig;
    /// let orders = ConsumerConfig::new(["orders"]).event_type(["header:Event-Type", "cloudevents", "json:type"]);
    /// # let _ = orders;
    /// ```
    pub fn event_type(mut self, places: impl IntoIterator<Item: Into<EventTypeSource>>) -> Self {
        self.event_type = Some(places.into_iter().map(Into::into).collect());
        self
    }

    /// The header whose value names the type of a record's event: short for [`event_type(["header:…"])`](Self::event_type), and not set
    /// together with it. It must not be empty, contain control characters, or begin or end with white space.
    pub fn event_type_header(mut self, name: impl Into<String>) -> Self {
        self.event_type_header = Some(name.into());
        self
    }

    /// What others call events, and what handlers call them; a second entry for a foreign name replaces the first. Default: none, every
    /// event is called what it is called in its record.
    ///
    /// In a configuration file it is a table, or one string such as `com.acme.OrderCreated=OrderCreated, com.acme.OrderPaid=OrderPaid`.
    ///
    /// ```
    /// # use evkafka::ConsumerConfig;
    /// let orders = ConsumerConfig::new(["orders"])
    ///     .event_type(["spring"])
    ///     .event_names([("com.acme.OrderCreated", "OrderCreated"), ("com.acme.OrderPaid", "OrderPaid")]);
    /// # let _ = orders;
    /// ```
    pub fn event_names<T: Into<String>, O: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = (T, O)>,
    ) -> Self {
        self.event_names.extend(names.into_iter().map(|(theirs, ours)| (theirs.into(), ours.into())));
        self
    }

    /// Where the version of a record's event is read, for handlers with a `version`. Default: nowhere (but [`"axon"`](Self::event_type)
    /// knows one).
    ///
    /// | place | what it is |
    /// |---|---|
    /// | `"header:NAME"`, `"header-ignore-case:NAME"` | a header |
    /// | `"json:FIELD"` | a field at the top of a JSON payload, a string or a number |
    /// | `"suffix"` | behind the event's name, which it is taken off: `OrderCreated.v2` is version 2 of `OrderCreated` |
    /// | `"suffix:-v"` | the same with another text in front of the number |
    ///
    /// A version is a number: `2`, `v2`, or the first of `2.1.3`. What is not one counts as no version. A record goes to the handler of
    /// exactly its version, else to the one without a version, else to the fallback.
    pub fn event_version(mut self, place: impl Into<String>) -> Self {
        self.event_version = Some(place.into());
        self
    }

    /// How many members of the group this process runs. Default: 1, which is also the least; at most 256.
    ///
    /// Each has connections and threads of its own, and a share of the partitions; there should be no more members
    /// than partitions.
    pub fn instances(mut self, instances: u32) -> Self {
        self.instances = instances;
        self
    }

    /// Makes the consumer a static member of its group, so that it keeps its partitions through a quick restart.
    /// Default: none, a dynamic member.
    ///
    /// The id must be unique in the group: members that share one shut each other out. With several
    /// [`instances`](Self::instances) each adds its number to it, from `-0`. It consists of what a topic's name does: up to 249
    /// letters (a-z), digits, `.`, `_` and `-`.
    pub fn group_instance_id(mut self, id: impl Into<String>) -> Self {
        self.group_instance_id = Some(id.into());
        self
    }

    /// How long a starting consumer waits for an answer of the cluster before
    /// [`on_unreachable`](Self::on_unreachable) applies. Default: 10 s. It must be longer than zero.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// What a starting consumer does when no broker answered within [`connect_timeout`](Self::connect_timeout).
    /// Default: [`OnUnavailable::Fail`].
    ///
    /// A cluster that answers, and denies access (TLS, SASL), ends the start whatever this says.
    ///
    /// A cluster that goes away later does not end a consumer: it waits, and goes on.
    pub fn on_unreachable(mut self, action: OnUnavailable) -> Self {
        self.on_unreachable = action;
        self
    }

    /// What a starting consumer does when one of its topics does not exist. Default: [`OnUnavailable::Fail`], because
    /// most often the name is mistyped.
    ///
    /// A regular expression that matches no topic is no missing topic.
    pub fn on_missing_topic(mut self, action: OnUnavailable) -> Self {
        self.on_missing_topic = action;
        self
    }

    /// How long handlers may go on with records of partitions that the consumer is losing to another member, before
    /// they are cancelled. Default: 5 s. Zero cancels at once.
    ///
    /// The other member waits meanwhile. So do the partitions that this consumer keeps, once what was taken of them is handled: librdkafka
    /// fetches nothing before the revocation is answered. Cancelled handlers have a fifth of this time to finish (at least 100 ms) before they are
    /// dropped, and two more seconds are for what blocks its thread and for the last commit. All of it, and a heartbeat
    /// (`heartbeat.interval.ms`), must be shorter than the property `max.poll.interval.ms` (by default 5 min): that is how long the
    /// brokers wait at a rebalance before they go on without a member and give its partitions to others. Up to 240 s are possible
    /// with the default.
    ///
    /// A shutdown does not wait for it: [`App::shutdown_timeout`](crate::App::shutdown_timeout) then holds for these handlers too.
    pub fn revoke_grace(mut self, grace: Duration) -> Self {
        self.revoke_grace = grace;
        self
    }

    /// Which records are handled concurrently, and in which order. Default: one record of each partition at a time.
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Whether commits carry, in their metadata, which records above the committed offset are settled, so that a restart or
    /// another owner of the partition does not handle them a second time. Default: `false`.
    ///
    /// It is of use when records of one partition are handled concurrently ([`concurrency`](Self::concurrency) per key or
    /// unordered, post-commit): one that takes long, or waits out a backoff, holds the committed offset back, and all that
    /// is settled after it would come again. It is still at least once: what was settled since the last commit comes again
    /// after a crash.
    ///
    /// There is room for all that can happen within 24,000 offsets, and for 374 records that are not settled over any longer
    /// distance; beyond that no more records are taken from the partition until the lowest one is settled, and a warning says so. Metadata of
    /// somebody else's is left as it is, and then nothing is persisted for that partition; a warning says so.
    pub fn persist_progress(mut self, persist: bool) -> Self {
        self.persist_progress = persist;
        self
    }

    /// About how much memory, in MiB (1,048,576 bytes), the consumer takes for records that are fetched and not yet
    /// handled. Default: 64; at most 1,048,576.
    ///
    /// A record counts with its key and payload, and with 400 bytes for what librdkafka keeps of each. The process takes this and
    /// some 15 MiB more, besides what handlers make of their records and what is named below: with the default, a consumer of 2,000,000
    /// records of 130 bytes in 8 partitions had at most 94 MiB resident (pre-commit 107, with order by key 138), and one of records of
    /// 100 kB whose handlers were stuck 30.
    ///
    /// It is shared out among the partitions that the topics have when the consumer starts, those of topics that match a pattern
    /// included. If a consumer is assigned more later, it leaves its group and rejoins with smaller shares, which a warning says.
    ///
    /// A third of a partition's share is for its queue and the fetch that fills it, as much for what its lane (the task that handles the
    /// partition) has taken out of the queue, and as much for records that were handled and wait for librdkafka's own thread to free them.
    /// With concurrent [handlers](Self::concurrency) or batch handlers it is a quarter, and the fourth is for what is collected for a batch,
    /// and for concurrent records: their keys, payloads and headers, and 640 bytes more for each that waits behind its key or for its next
    /// attempt. When it is used up, a batch is handled with fewer records than its `max`, and no more concurrent records begin, though there
    /// may be fewer [in flight](Concurrency::in_flight) than there could be. With so many partitions that a part would be below 256 KiB,
    /// each has 256 KiB.
    ///
    /// **What may exceed it.**
    ///
    /// - librdkafka limits a fetch before it is decompressed. evkafka expects fetches to become five times as large, and has each bring at
    ///   least 128 KiB. Where records are compressed fiftyfold, a consumer of 8 partitions whose handlers were stuck took up to 370 MiB with
    ///   the default of 64, and 180 with 131072 for `fetch.message.max.bytes`.
    /// - A fetch brings at least one batch of its producer whole. librdkafka's producers make batches of up to 1 MB, which in small records
    ///   takes 3 MB.
    /// - A record that is larger than a share is fetched and handled all the same.
    /// - A record that waits for long keeps the fetch in memory that it came with.
    ///
    /// The properties `queued.max.messages.kbytes`, `queued.min.messages` (a limit too, for each partition: beyond so many messages it is
    /// not fetched) and `fetch.message.max.bytes` set queue and fetch for each partition instead, and `fetch.max.bytes` what one answer of
    /// a broker brings of all of them (an eighth of the parts for queues by default, at least 1 MB and at most 50 MiB). On connections with
    /// a long round trip, a larger `fetch.message.max.bytes` (librdkafka's default is 1048576) is faster. What a lane takes at a time is
    /// never more than `queued.max.messages.kbytes`.
    pub fn prefetch_memory_mib(mut self, mebibytes: u32) -> Self {
        self.prefetch_memory_mib = mebibytes;
        self
    }

    /// How often the Kafka clients of the consumer report on their connections and on their group, for
    /// [`App::metrics`](crate::App::metrics): round trips, throttling, disconnects, the state of the members. Default: not at all, and
    /// then it costs nothing. From 100 ms to 24 h; somewhat less than the interval at which metrics are read is best.
    ///
    /// The report of a client of topics with 1,000 partitions is a text of 0.7 MB, which takes librdkafka and evkafka 3 ms, on threads that handle
    /// no records. In place of the property `statistics.interval.ms`.
    pub fn statistics_interval(mut self, interval: Duration) -> Self {
        self.statistics_interval = Some(interval);
        self
    }

    /// What to do with a record whose handling failed, in post-commit mode. Default: try for ever, and stop the app at a
    /// record that cannot be decoded ([`FailurePolicy::default`]).
    ///
    /// In a configuration file it is spread over the settings `attempt_timeout`, `retry_attempts`, `retry_backoff`, `retry_backoff_max`,
    /// `retry_last_step` (`"stop"` or `"skip"`) and `dead_letter_topic`.
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// Sets a [property of librdkafka][properties]. A second value for the same property replaces the first.
    ///
    /// The value may be a string, a number or a boolean. Properties that evkafka owns, properties of producers (but
    /// `compression.type` and `compression.level`, which are for dead letters), unknown properties and values that librdkafka does not accept are faults, which [`validate`](Self::validate) reports.
    ///
    /// ```
    /// # use evkafka::ConsumerConfig;
    /// let orders = ConsumerConfig::new(["orders"])
    ///     .property("client.rack", "eu-central-1a")
    ///     .property("fetch.min.bytes", 1024)
    ///     .property("socket.keepalive.enable", true);
    /// assert_eq!(orders.get_property("fetch.min.bytes"), Some("1024"));
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

    /// The topics, as they were given.
    pub fn get_topics(&self) -> impl ExactSizeIterator<Item = &str> {
        self.topics.iter().map(String::as_str)
    }

    /// The servers, separated by commas; empty if none were given.
    pub fn get_bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The consumer group; empty if none was given.
    pub fn get_group_id(&self) -> &str {
        &self.group_id
    }

    /// The value that was given to a property of librdkafka. It may be a secret.
    pub fn get_property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }
}

/// Shows the settings; the values of properties that may be secret are left out.
impl fmt::Debug for ConsumerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerConfig")
            .field("topics", &self.topics)
            .field("bootstrap_servers", &shown_servers(&self.bootstrap_servers))
            .field("group_id", &self.group_id)
            .field("auto_commit_mode", &self.auto_commit_mode)
            .field("commit_interval", &self.commit_interval)
            .field("auto_offset_reset", &self.auto_offset_reset)
            .field("event_type", &self.event_type)
            .field("event_type_header", &self.event_type_header)
            .field("event_names", &self.event_names)
            .field("event_version", &self.event_version)
            .field("instances", &self.instances)
            .field("group_instance_id", &self.group_instance_id)
            .field("connect_timeout", &self.connect_timeout)
            .field("on_unreachable", &self.on_unreachable)
            .field("on_missing_topic", &self.on_missing_topic)
            .field("revoke_grace", &self.revoke_grace)
            .field("concurrency", &self.concurrency)
            .field("persist_progress", &self.persist_progress)
            .field("prefetch_memory_mib", &self.prefetch_memory_mib)
            .field("statistics_interval", &self.statistics_interval)
            .field("failure_policy", &self.failure_policy)
            .field("properties", &Redacted(&self.properties))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_settings_and_hides_secrets() {
        let config = ConsumerConfig::new(["orders"])
            .bootstrap_servers("kafka:9092")
            .group_id("billing")
            .property("sasl.username", "alice")
            .property("sasl.password", "hunter2")
            .property("fetch.min.bytes", 1024);
        let debug = format!("{config:?}");
        for shown in ["orders", "kafka:9092", "billing", "sasl.password", "\"fetch.min.bytes\": \"1024\""] {
            assert!(debug.contains(shown), "{shown} is not in {debug}");
        }
        assert!(debug.contains("\"sasl.password\": \"…\""));
        assert!(!debug.contains("hunter2") && !debug.contains("alice"));
    }

    #[test]
    fn debug_hides_a_password_in_an_address() {
        let config = ConsumerConfig::new(["orders"]).bootstrap_servers("sasl_ssl://alice:hunter2@kafka:9092");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_later_property_replaces_an_earlier_one() {
        let config = ConsumerConfig::new(["orders"])
            .properties([("fetch.min.bytes", 1), ("fetch.max.bytes", 2)])
            .property("fetch.min.bytes", 3);
        assert_eq!(config.get_property("fetch.min.bytes"), Some("3"));
        assert_eq!(config.get_property("fetch.max.bytes"), Some("2"));
        assert_eq!(config.get_property("fetch.wait.max.ms"), None);
    }
}
