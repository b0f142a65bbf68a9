//! What librdkafka is told.

use rdkafka::config::ClientConfig;

use super::defaults::{DEFAULTS, RECONNECT};
use super::elsewhere;
use super::known::{self, Role};
use super::statistics::ask_for_statistics;
use super::validate::MOST_INSTANCES;
use super::{ConsumerConfig, ResolvedConfig};
use crate::send::LARGEST_RECORD;

impl ResolvedConfig {
    /// The configuration of the member number `instance` (from 0) of this consumer's group.
    ///
    /// What evkafka owns goes over what the user set, which goes over evkafka's defaults. Do not print the result: rdkafka
    /// hides only some of the secrets in it.
    pub(crate) fn client_config(&self, instance: u32) -> ClientConfig {
        let mut client = ClientConfig::new();
        for default in DEFAULTS.iter().filter(|default| (default.applies)(&self.properties)) {
            client.set(default.name, default.value);
        }
        client.extend(self.properties.clone().into_iter().filter(|(name, _)| !is_for_dead_letters(name)));
        client
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("group.id", &self.group_id)
            .set("auto.offset.reset", self.auto_offset_reset.in_librdkafka())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // The end of a partition would count as a record, and so move librdkafka's position beyond the next (librdkafka #4844).
            .set("enable.partition.eof", "false");
        if let Some(id) = self.instance_id(instance) {
            client.set("group.instance.id", id);
        }
        ask_for_statistics(&mut client, self.statistics_interval);
        client
    }

    /// The configuration of a producer on the same cluster: what the user set for it or for both kinds of client, and
    /// acknowledgement by all in-sync replicas.
    pub(crate) fn producer_config(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("client.id", "evkafka")
            // A deleted topic must be reported, not created with the broker's defaults.
            .set("allow.auto.create.topics", "false");
        if (RECONNECT.applies)(&self.properties) {
            client.set(RECONNECT.name, RECONNECT.value);
        }
        client.extend(self.properties.clone().into_iter().filter(|(name, _)| is_for_producer(name)));
        // A topic's limit is for compressed batches, so what its producers compressed fits into another topic only if it is
        // compressed again. Every client can read gzip, and it compresses better than lz4 and snappy.
        if client.get("compression.type").or(client.get("compression.codec")).is_none() {
            client.set("compression.type", "gzip");
        }
        client
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("message.max.bytes", LARGEST_RECORD);
        client
    }
}

impl ConsumerConfig {
    /// The first property that is of use for dead letters only.
    pub(crate) fn compression_property(&self) -> Option<&str> {
        self.properties.keys().map(String::as_str).find(|name| is_for_dead_letters(name))
    }

    /// The static member ids of all instances; none if they are dynamic members.
    pub(crate) fn instance_ids(&self) -> impl Iterator<Item = String> {
        (0..self.instances.min(MOST_INSTANCES)).filter_map(|instance| self.instance_id(instance))
    }

    /// The static member id of one instance. Two members must not share one: the broker fences both.
    pub(super) fn instance_id(&self, instance: u32) -> Option<String> {
        let id = self.group_instance_id.as_deref()?;
        Some(if self.instances > 1 { format!("{id}-{instance}") } else { id.to_owned() })
    }
}

/// The properties of producers that are of use to the one that sends dead letters.
pub(super) fn is_for_dead_letters(name: &str) -> bool {
    let property = elsewhere::find(name).map_or(name, |elsewhere| elsewhere.property);
    matches!(property, "compression.type" | "compression.codec" | "compression.level")
}

/// Whether a property may be given to an idempotent producer.
fn is_for_producer(name: &str) -> bool {
    // A producer that keeps its order has few requests under way, whatever is good for a consumer.
    if matches!(name, "max.in.flight" | "max.in.flight.requests.per.connection") {
        return false;
    }
    is_for_dead_letters(name) || known::find(name).is_none_or(|property| property.role == Role::Both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OffsetReset;
    use rdkafka::consumer::BaseConsumer;

    fn config() -> ConsumerConfig {
        ConsumerConfig::new(["orders"]).bootstrap_servers("a:1,b:2").group_id("billing")
    }

    fn client(config: &ConsumerConfig, instance: u32) -> ClientConfig {
        config.resolve().expect("a valid configuration").client_config(instance)
    }

    #[test]
    fn a_producer_gets_what_is_for_both_kinds_of_client() {
        let consumer = config().property("fetch.min.bytes", 7).property("socket.keepalive.enable", true);
        let client = consumer.resolve().unwrap().producer_config();
        assert_eq!(client.get("socket.keepalive.enable"), Some("true"));
        assert_eq!(client.get("fetch.min.bytes"), None);
        assert_eq!(client.get("group.id"), None);
        assert_eq!(client.get("acks"), Some("all"));
        client.create::<rdkafka::producer::BaseProducer>().expect("librdkafka takes it");
    }

    #[test]
    fn a_producer_takes_what_the_consumer_receives_and_compresses_it() {
        let producer = config().resolve().unwrap().producer_config();
        assert_eq!(producer.get("message.max.bytes"), Some("1000000000"));
        assert_eq!(producer.get("compression.type"), Some("gzip"));
        for (name, value) in
            [("compression.type", "lz4"), ("compression.codec", "none"), ("compression.level", "9")]
        {
            let config =
                config().property(name, value).property("message.max.bytes", 2_000_000).resolve().unwrap();
            let producer = config.producer_config();
            assert_eq!(producer.get(name), Some(value));
            assert_eq!(producer.get("message.max.bytes"), Some("1000000000"));
            assert_eq!(producer.get("compression.type").is_none(), name == "compression.codec");
            assert_eq!(config.client_config(0).get(name), None, "a consumer does not compress");
            producer.create::<rdkafka::producer::BaseProducer>().unwrap();
        }
        assert!(config().property("compression.type", "brotli").validate().is_err());
        assert!(config().property("linger.ms", 7).validate().is_err());
    }

    /// Values of which librdkafka takes at least one for most properties.
    const VALUES: &[&str] = &[
        "true",
        "false",
        "0",
        "1",
        "5",
        "6",
        "100",
        "10000",
        "1000000",
        "1000000000",
        "2147483647",
        "any",
        "generic",
        "v4",
    ];

    #[test]
    fn a_producer_takes_every_property_that_the_consumer_takes() {
        let mut taken = std::collections::BTreeSet::new();
        for property in known::PROPERTIES.iter().filter(|property| property.role == Role::Both) {
            // It sends a signal to the process.
            if property.name == "internal.termination.signal" {
                continue;
            }
            for value in VALUES {
                let Ok(config) = config().property(property.name, value).resolve() else { continue };
                let mut consumer = config.client_config(0);
                if consumer.remove("bootstrap.servers").create::<BaseConsumer>().is_err() {
                    continue;
                }
                taken.insert(property.name);
                let mut producer = config.producer_config();
                let producer =
                    producer.remove("bootstrap.servers").create::<rdkafka::producer::BaseProducer>();
                assert!(producer.is_ok(), "{} = {value}: {}", property.name, producer.err().unwrap());
            }
        }
        assert!(taken.len() >= 50 && taken.contains("max.in.flight"), "{taken:?}");
    }

    #[test]
    fn tells_librdkafka_the_settings_and_what_evkafka_owns() {
        let client = client(&config(), 0);
        for (name, value) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("group.id", "billing"),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "false"),
            ("allow.auto.create.topics", "false"),
            ("check.crcs", "true"),
            ("client.id", "evkafka"),
            ("fetch.queue.backoff.ms", "10"),
            ("fetch.wait.max.ms", "100"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("reconnect.backoff.max.ms", "1000"),
        ] {
            assert_eq!(client.get(name), Some(value), "{name}");
        }
        assert_eq!(client.get("group.instance.id"), None);
        assert_eq!(client.get("statistics.interval.ms"), None);
    }

    #[test]
    fn tells_librdkafka_where_to_start() {
        for (reset, name) in [
            (OffsetReset::Earliest, "earliest"),
            // Where the partition ends is looked up: librdkafka would go there from an offset that is deleted too.
            (OffsetReset::Latest, "earliest"),
            (OffsetReset::Error, "error"),
        ] {
            let client = client(&config().auto_offset_reset(reset), 0);
            assert_eq!(client.get("auto.offset.reset"), Some(name));
            assert_eq!(client.get("enable.partition.eof"), Some("false"));
        }
    }

    #[test]
    fn a_property_of_the_user_goes_over_a_default() {
        let config = config()
            .property("fetch.queue.backoff.ms", 500)
            .property("fetch.min.bytes", 7)
            .property("check.crcs", false);
        let client = client(&config, 0);
        assert_eq!(client.get("check.crcs"), Some("false"));
        assert_eq!(client.get("fetch.queue.backoff.ms"), Some("500"));
        assert_eq!(client.get("fetch.min.bytes"), Some("7"));
    }

    #[test]
    fn the_longest_wait_between_connections_is_not_below_a_first_one_of_the_users() {
        for (first, longest) in [(900, Some("1000")), (3000, None)] {
            let config = config().property("reconnect.backoff.ms", first).resolve().unwrap();
            let (consumer, producer) = (config.client_config(0), config.producer_config());
            for client in [&consumer, &producer] {
                assert_eq!(client.get("reconnect.backoff.max.ms"), longest);
            }
            consumer.create::<BaseConsumer>().expect("librdkafka takes it");
            producer.create::<rdkafka::producer::BaseProducer>().expect("librdkafka takes it");
        }
    }

    #[test]
    fn what_evkafka_owns_goes_over_a_property_of_the_user() {
        let mine = [
            ("enable.auto.commit", "true"),
            ("enable.auto.offset.store", "true"),
            ("auto.offset.reset", "latest"),
            ("group.id", "mine"),
            ("bootstrap.servers", "c:3"),
            ("enable.partition.eof", "true"),
        ];
        // Such a configuration is refused before it comes to this.
        let client = ResolvedConfig::unchecked(config().properties(mine)).client_config(0);
        assert_eq!(client.get("enable.auto.commit"), Some("false"));
        assert_eq!(client.get("enable.auto.offset.store"), Some("false"));
        assert_eq!(client.get("auto.offset.reset"), Some("earliest"));
        assert_eq!(client.get("group.id"), Some("billing"));
        assert_eq!(client.get("bootstrap.servers"), Some("a:1,b:2"));
        assert_eq!(client.get("enable.partition.eof"), Some("false"));
    }

    #[test]
    fn each_of_several_instances_has_a_static_id_of_its_own() {
        let one = config().group_instance_id("pod-7");
        assert_eq!(client(&one, 0).get("group.instance.id"), Some("pod-7"));
        let two = one.instances(2);
        assert_eq!(client(&two, 0).get("group.instance.id"), Some("pod-7-0"));
        assert_eq!(client(&two, 1).get("group.instance.id"), Some("pod-7-1"));
    }

    /// A consumer that librdkafka accepts; without servers it opens no socket.
    fn create(config: ConsumerConfig) -> Result<BaseConsumer, rdkafka::error::KafkaError> {
        client(&config, 0).remove("bootstrap.servers").create()
    }

    #[test]
    fn librdkafka_accepts_what_evkafka_tells_it() {
        create(config()).unwrap();
        create(config().group_instance_id("pod-7").auto_offset_reset(OffsetReset::Error)).unwrap();
    }

    #[test]
    fn librdkafka_accepts_the_new_group_protocol() {
        create(config().property("group.protocol", "consumer").property("group.remote.assignor", "uniform"))
            .unwrap();
        create(config().property("group.protocol", "Consumer")).unwrap();
    }
}
