//! Reading the configuration of a consumer.

mod policy;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer};

use self::policy::POLICY;
use super::fault::Faults;
use super::reader::{self, Settings};
use super::side::Side;
use super::value::{Judged, Value};
use super::{Concurrency, ConsumerConfig};
use crate::{event_type::EventTypeSource, settle::LastStep};

impl<'de> Deserialize<'de> for ConsumerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        reader::read::<ConsumerSettings, D>(deserializer)
    }
}

struct ConsumerSettings {
    config: ConsumerConfig,
    /// Belongs to `concurrency`, which may be read before or after it.
    in_flight: Option<u32>,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self { config: ConsumerConfig::new([] as [String; 0]), in_flight: None }
    }
}

impl Settings for ConsumerSettings {
    type Config = ConsumerConfig;

    const SIDE: Side = Side::Consumer;

    fn read(&mut self, name: &str, value: Value) -> Judged<()> {
        let config = &mut self.config;
        match name {
            "topics" => config.topics = value.list()?,
            "bootstrap_servers" => config.bootstrap_servers = value.list()?.join(","),
            "group_id" => config.group_id = value.text()?,
            "auto_commit_mode" => config.auto_commit_mode = value.choice()?,
            "commit_interval" => config.commit_interval = value.duration()?,
            "auto_offset_reset" => config.auto_offset_reset = value.choice()?,
            "event_type" => {
                config.event_type = Some(value.list()?.into_iter().map(EventTypeSource::from).collect());
            }
            "event_type_header" => config.event_type_header = Some(value.text()?),
            "event_names" => config.event_names = value.names()?,
            "event_version" => config.event_version = Some(value.text()?),
            "instances" => config.instances = value.number()?,
            "group_instance_id" => config.group_instance_id = Some(value.text()?),
            "connect_timeout" => config.connect_timeout = value.duration()?,
            "on_unreachable" => config.on_unreachable = value.choice()?,
            "on_missing_topic" => config.on_missing_topic = value.choice()?,
            "revoke_grace" => config.revoke_grace = value.duration()?,
            "concurrency" => config.concurrency = value.choice()?,
            "in_flight" => self.in_flight = Some(value.number()?),
            "persist_progress" => config.persist_progress = value.boolean()?,
            "prefetch_memory_mib" => config.prefetch_memory_mib = value.number()?,
            "statistics_interval" => config.statistics_interval = Some(value.duration()?),
            "attempt_timeout" => config.failure_policy.limit_attempt_time(value.duration()?),
            "retry_attempts" => config.failure_policy.limit(value.number()?),
            "retry_backoff" => config.failure_policy.backoff.initial = value.duration()?,
            "retry_backoff_max" => config.failure_policy.backoff.max = value.duration()?,
            "retry_last_step" => config.failure_policy.last_step = value.choice()?,
            "dead_letter_topic" => {
                config.failure_policy.last_step = LastStep::DeadLetter { topic: value.text()?.into() };
            }
            _ => unreachable!("`{name}` is in the list of settings, but nobody reads it"),
        }
        Ok(())
    }

    fn properties(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.config.properties
    }

    fn table(name: &str) -> Option<&'static [&'static str]> {
        (name == "failure_policy").then_some(POLICY)
    }

    fn take_as_given(&mut self, name: &str) {
        let ConsumerConfig { concurrency, failure_policy, .. } = &mut self.config;
        match name {
            "concurrency" => *concurrency = Concurrency::PerKey { in_flight: 1 },
            "retry_backoff" => failure_policy.backoff.initial = Duration::ZERO,
            "retry_backoff_max" => failure_policy.backoff.max = Duration::MAX,
            _ => {}
        }
    }

    fn finish(mut self, is_given: &dyn Fn(&str) -> bool, faults: &mut Faults) -> ConsumerConfig {
        self.apply_in_flight(faults);
        judge_last_step(is_given, faults);
        self.config.find_written(faults);
        self.config
    }
}

fn judge_last_step(is_given: &dyn Fn(&str) -> bool, faults: &mut Faults) {
    if is_given("retry_last_step") && is_given("dead_letter_topic") {
        faults.add("dead_letter_topic", "is a last step already: leave `retry_last_step` out");
    }
}

impl ConsumerSettings {
    fn apply_in_flight(&mut self, faults: &mut Faults) {
        let Some(given) = self.in_flight else { return };
        match &mut self.config.concurrency {
            Concurrency::PerKey { in_flight } | Concurrency::Unordered { in_flight } => *in_flight = given,
            Concurrency::PerPartition => faults.add(
                "in_flight",
                "is for `concurrency` = `key` or `unordered`; partitions set their own number",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
