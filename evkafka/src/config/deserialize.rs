//! Reading a configuration: every entry is taken, all faults are reported at the end.

mod policy;

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::consumer::SETTINGS;
use super::fault::Faults;
use super::known::Kind;
use super::property::{judge_name, unknown};
use super::value::{Judged, Value};
use crate::{event_type::EventTypeSource, settle::LastStep};

use super::{Concurrency, ConsumerConfig, known, owned, suggest};

impl<'de> Deserialize<'de> for ConsumerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConfigVisitor)
    }
}

struct ConfigVisitor;

impl<'de> Visitor<'de> for ConfigVisitor {
    type Value = ConsumerConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with the settings of a consumer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<ConsumerConfig, A::Error> {
        let mut reader = Reader::default();
        while let Some((name, value)) = table.next_entry()? {
            reader.read(name, value);
        }
        reader.finish().map_err(A::Error::custom)
    }
}

/// A configuration, as far as it was read.
struct Reader {
    config: ConsumerConfig,
    /// Belongs to `concurrency`, which may be read before or after it.
    in_flight: Option<u32>,
    seen: HashSet<String>,
    faults: Faults,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            config: ConsumerConfig::new([] as [String; 0]),
            in_flight: None,
            seen: HashSet::new(),
            faults: Faults::default(),
        }
    }
}

impl Reader {
    fn read(&mut self, name: String, value: Value) {
        if matches!(value, Value::Nothing) {
            return;
        }
        if !SETTINGS.contains(&name.as_str()) {
            return self.read_other(name, value);
        }
        if !self.seen.insert(name.clone()) {
            return self.faults.add(name, "is given twice");
        }
        if name == "properties" {
            return match value {
                Value::Table(entries) => self.read_properties(None, entries),
                _ => self.faults.add(name, "must be a table"),
            };
        }
        if name == "failure_policy" {
            return self.read_policy(value);
        }
        if let Err(fault) = self.read_setting(&name, value) {
            self.take_as_given(&name);
            self.faults.add(name, fault);
        }
    }

    fn read_setting(&mut self, name: &str, value: Value) -> Judged<()> {
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

    /// A value that cannot be read is one fault; what is given beside it is not to be judged by the default.
    fn take_as_given(&mut self, name: &str) {
        let ConsumerConfig { concurrency, failure_policy, .. } = &mut self.config;
        match name {
            "concurrency" => *concurrency = Concurrency::PerKey { in_flight: 1 },
            "retry_backoff" => failure_policy.backoff.initial = Duration::ZERO,
            "retry_backoff_max" => failure_policy.backoff.max = Duration::MAX,
            _ => {}
        }
    }

    /// What is no setting: a property, or a mistake.
    fn read_other(&mut self, name: String, value: Value) {
        // Other clients write it `enable_auto_commit`.
        let dotted = if name.contains('.') { name.clone() } else { name.replace('_', ".") };
        if let Some(owned) = owned::find(&name).or_else(|| owned::find(&dotted)) {
            return self.faults.add(name, format!("is evkafka's to set: {}", owned.instead));
        }
        match value {
            Value::Table(entries) if name.contains('.') || known::is_group(&name) => {
                self.read_properties(Some(&name), entries);
            }
            value if name.contains('.') => self.read_property(name, value),
            _ if known::find(&name).is_some() => {
                self.faults.add(name, "is a property of librdkafka: write it in the table `properties`");
            }
            _ => {
                let suggestion = suggest::setting_or_property(&name);
                self.faults.add(name, unknown("setting", suggestion));
            }
        }
    }

    /// A table of properties, in which a table stands for a name with dots.
    fn read_properties(&mut self, prefix: Option<&str>, entries: Vec<(String, Value)>) {
        for (name, value) in entries {
            let name = match prefix {
                Some(prefix) => format!("{prefix}.{name}"),
                None => name,
            };
            match value {
                Value::Nothing => {}
                Value::Table(entries) => self.read_properties(Some(&name), entries),
                value => self.read_property(name, value),
            }
        }
    }

    fn read_property(&mut self, name: String, value: Value) {
        // A name that is none has a fault of its own, whatever its value.
        let value = match judge_name(&name) {
            Some(fault) => Err(fault),
            None => value.property(kind(&name)),
        };
        match value {
            Err(fault) => self.faults.add(name, fault),
            Ok(_) if self.config.properties.contains_key(&name) => self.faults.add(name, "is given twice"),
            Ok(value) => drop(self.config.properties.insert(name, value)),
        }
    }

    fn apply_in_flight(&mut self) {
        let Some(given) = self.in_flight else { return };
        match &mut self.config.concurrency {
            Concurrency::PerKey { in_flight } | Concurrency::Unordered { in_flight } => *in_flight = given,
            Concurrency::PerPartition => self.faults.add(
                "in_flight",
                "is for `concurrency` = `key` or `unordered`; partitions set their own number",
            ),
        }
    }

    fn judge_last_step(&mut self) {
        if self.seen.contains("retry_last_step") && self.seen.contains("dead_letter_topic") {
            self.faults.add("dead_letter_topic", "is a last step already: leave `retry_last_step` out");
        }
    }

    fn finish(mut self) -> Result<ConsumerConfig, super::ConfigError> {
        self.apply_in_flight();
        self.judge_last_step();
        self.config.find_written(&mut self.faults);
        self.faults.into_result().map(|()| self.config)
    }
}

/// What the value of a property is. One of which nothing is known, and where a value is kept, are text.
fn kind(name: &str) -> Kind {
    known::find(name).map_or(Kind::Text, |property| property.kind)
}

#[cfg(test)]
mod tests;
