//! How often clients report on themselves.

use std::time::Duration;

use rdkafka::config::ClientConfig;

use super::fault::Faults;

/// librdkafka's property.
pub(crate) const INTERVAL: &str = "statistics.interval.ms";

/// More often would be work for next to nothing.
const SHORTEST: Duration = Duration::from_millis(100);
/// What librdkafka takes at most.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Judges the setting `statistics_interval`.
pub(super) fn find_in_interval(interval: Option<Duration>, faults: &mut Faults) {
    if let Some(interval) = interval.filter(|interval| !(SHORTEST..=LONGEST).contains(interval)) {
        let reason =
            format!("is {interval:?}, and must be from 100 ms to 24 h; leave it out for no statistics");
        faults.add("statistics_interval", reason);
    }
}

/// Has the client report, if that is wanted.
pub(super) fn ask_for_statistics(client: &mut ClientConfig, interval: Option<Duration>) {
    if let Some(interval) = interval {
        client.set(INTERVAL, interval.as_millis().to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConsumerConfig, ProducerConfig};

    fn consumer(interval: Duration) -> ConsumerConfig {
        let config = ConsumerConfig::new(["orders"]).bootstrap_servers("kafka:9092").group_id("billing");
        config.statistics_interval(interval)
    }

    fn producer(interval: Duration) -> ProducerConfig {
        ProducerConfig::new().bootstrap_servers("kafka:9092").statistics_interval(interval)
    }

    #[test]
    fn librdkafka_is_asked_for_statistics_only_where_they_are_wanted() {
        let (short, long) = (Duration::from_millis(250), LONGEST);
        for (interval, millis) in [(short, "250"), (long, "86400000")] {
            let consumer = consumer(interval).resolve().unwrap();
            let producer = producer(interval).resolve().unwrap();
            for client in [consumer.client_config(0), producer.client_config()] {
                assert_eq!(client.get(INTERVAL), Some(millis));
                client.create_native_config().expect("librdkafka takes it");
            }
            assert_eq!(consumer.producer_config().get(INTERVAL), None, "that of dead letters is not asked");
        }
        let producer = ProducerConfig::new().bootstrap_servers("kafka:9092").resolve().unwrap();
        assert_eq!(producer.client_config().get(INTERVAL), None);
    }

    #[test]
    fn an_interval_must_be_in_bounds() {
        for interval in [Duration::ZERO, SHORTEST - Duration::from_nanos(1), LONGEST + SHORTEST] {
            for error in
                [consumer(interval).validate().unwrap_err(), producer(interval).validate().unwrap_err()]
            {
                let faults: Vec<_> = error.faults().map(|fault| fault.setting()).collect();
                assert_eq!(faults, ["statistics_interval"], "{error}");
            }
        }
    }

    #[test]
    fn librdkafkas_own_property_is_rejected_with_the_setting_to_use() {
        let error = producer(SHORTEST).property(INTERVAL, 1000).validate().unwrap_err();
        assert!(error.to_string().contains("use the setting `statistics_interval`"), "{error}");
    }
}
