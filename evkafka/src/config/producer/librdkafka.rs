//! What librdkafka is told.

use std::time::Duration;

use rdkafka::config::ClientConfig;

use super::ResolvedProducerConfig;
use super::defaults::DEFAULTS;
use crate::config::statistics::ask_for_statistics;

impl ResolvedProducerConfig {
    /// The configuration of the producer's client.
    ///
    /// What evkafka owns takes precedence over what the user set, which does over evkafka's defaults. Do not print the result:
    /// rdkafka hides only some of the secrets in it.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        for default in DEFAULTS.iter().filter(|default| (default.applies)(&self.properties)) {
            client.set(default.name, default.value);
        }
        client.extend(self.properties.clone());
        client
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", self.delivery_timeout.as_millis().to_string())
            .set("linger.ms", fractional_millis(self.linger));
        ask_for_statistics(&mut client, self.statistics_interval);
        client
    }
}

/// librdkafka counts in microseconds, though it is told milliseconds.
fn fractional_millis(duration: Duration) -> String {
    let micros = duration.as_micros();
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rdkafka::producer::BaseProducer;

    use super::*;
    use crate::ProducerConfig;
    use crate::config::known::{PROPERTIES, Role};

    fn config() -> ProducerConfig {
        ProducerConfig::new().bootstrap_servers("a:1, b:2")
    }

    fn client(config: &ProducerConfig) -> ClientConfig {
        config.resolve().expect("a valid configuration").client_config()
    }

    /// A producer that librdkafka accepts; without servers it opens no socket.
    fn create(config: &ProducerConfig) -> Result<BaseProducer, rdkafka::error::KafkaError> {
        client(config).remove("bootstrap.servers").create()
    }

    #[test]
    fn tells_librdkafka_the_settings_and_what_evkafka_owns() {
        let client = client(&config());
        for (name, value) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("message.timeout.ms", "120000"),
            ("linger.ms", "1.000"),
            ("allow.auto.create.topics", "false"),
            ("client.id", "evkafka"),
            ("message.max.bytes", "1000000000"),
            ("partitioner", "murmur2_random"),
            ("reconnect.backoff.max.ms", "1000"),
        ] {
            assert_eq!(client.get(name), Some(value), "{name}");
        }
        assert_eq!(client.get("compression.type"), None);
    }

    #[test]
    fn librdkafka_understands_the_settings() {
        let config = config().delivery_timeout(Duration::from_secs(3)).linger(Duration::from_micros(2_500));
        create(&config).expect("librdkafka accepts it");
        let native = client(&config).create_native_config().expect("librdkafka accepts it");
        for (name, value) in [
            ("linger.ms", "2.5"),
            ("enable.idempotence", "true"),
            ("message.max.bytes", "1000000000"),
            ("allow.auto.create.topics", "false"),
        ] {
            let understood = native.get(name).expect("it has a value");
            assert!(understood.starts_with(value), "{name} = {understood}");
        }
        create(&config.linger(Duration::ZERO)).expect("librdkafka accepts it");
    }

    #[test]
    fn a_property_of_the_user_takes_precedence_over_a_default() {
        let mine = [
            ("client.id", "billing"),
            ("partitioner", "consistent_random"),
            ("message.max.bytes", "2000000"),
            ("compression.type", "lz4"),
        ];
        let config = config().properties(mine);
        for (name, value) in mine {
            assert_eq!(client(&config).get(name), Some(value));
        }
        create(&config).expect("librdkafka accepts it");
    }

    #[test]
    fn the_longest_wait_between_connections_is_not_below_a_first_one_of_the_users() {
        for (first, longest) in [(900, Some("1000")), (3000, None)] {
            let config = config().property("reconnect.backoff.ms", first);
            assert_eq!(client(&config).get("reconnect.backoff.max.ms"), longest);
            create(&config).expect("librdkafka accepts it");
        }
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
        "gzip",
        "murmur2",
        "fifo",
    ];

    #[test]
    fn librdkafka_accepts_every_property_that_evkafka_does() {
        let mut taken = BTreeSet::new();
        for property in PROPERTIES.iter().filter(|property| property.role != Role::Consumer) {
            // It sends a signal to the process.
            if property.name == "internal.termination.signal" {
                continue;
            }
            for value in VALUES {
                let config = config().property(property.name, value);
                if config.validate().is_err() {
                    continue;
                }
                let producer = create(&config);
                assert!(producer.is_ok(), "{} = {value}: {}", property.name, producer.err().unwrap());
                taken.insert(property.name);
            }
        }
        for name in ["batch.size", "compression.type", "max.in.flight", "partitioner", "retries"] {
            assert!(taken.contains(name), "{name} is not in {taken:?}");
        }
        assert!(taken.len() > 60, "{taken:?}");
    }
}
