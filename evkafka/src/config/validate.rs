use std::collections::HashSet;
use std::time::Duration;

use super::elsewhere;
use super::fault::Faults;
use super::property::judge_property;
use super::{AutoCommitMode, Concurrency, ConfigError, ConsumerConfig};
use crate::engine::DrainPlan;

/// What librdkafka refuses together with `group.protocol` = `consumer`, because the brokers decide it.
const BROKER_SIDE: &[&str] =
    &["group.protocol.type", "heartbeat.interval.ms", "partition.assignment.strategy", "session.timeout.ms"];

impl ConsumerConfig {
    /// Checks the whole configuration, without connecting anywhere. An app does this before it starts.
    ///
    /// # Errors
    ///
    /// If a required setting is missing, a setting or a property has a value that it cannot have, or a property is
    /// unknown, of use to producers only, or owned by evkafka: one error that names all of these faults. A few
    /// contradictions between properties, and what only the brokers can know, come to light when the consumer starts.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = Faults::default();
        self.find_missing(&mut faults);
        self.find_written(&mut faults);
        faults.into_result()
    }

    /// Finds what is required and not there.
    fn find_missing(&self, faults: &mut Faults) {
        if self.topics.is_empty() {
            faults.add("topics", "must name at least one topic");
        }
        if self.bootstrap_servers.split(',').all(|server| server.trim().is_empty()) {
            faults.add("bootstrap_servers", "must name at least one server, such as `localhost:9092`");
        }
        if self.group_id.trim().is_empty() {
            faults.add("group_id", "must be set, and not empty");
        }
    }

    /// Finds what is wrong with what is there.
    pub(super) fn find_written(&self, faults: &mut Faults) {
        self.find_in_topics(faults);
        self.find_in_texts(faults);
        self.find_in_numbers(faults);
        for (name, value) in &self.properties {
            if let Some(fault) = judge_property(name, value) {
                faults.add(name, fault);
            }
            if let Some(elsewhere) = elsewhere::find(name)
                && self.properties.contains_key(elsewhere.property)
            {
                faults.add(name, format!("gives `{}` a second value; leave one out", elsewhere.property));
            }
        }
        if self.uses_sasl_without_a_mechanism() {
            faults.add(
                "sasl.mechanism",
                "must be set with this `security.protocol`, to `SCRAM-SHA-512` or `PLAIN`, say",
            );
        }
        if self.uses_new_group_protocol() {
            for name in BROKER_SIDE.iter().filter(|name| self.properties.contains_key(**name)) {
                faults.add(
                    *name,
                    "is decided by the brokers when `group.protocol` is `consumer`; leave it out",
                );
            }
        }
    }

    fn find_in_topics(&self, faults: &mut Faults) {
        let mut seen = HashSet::new();
        for topic in &self.topics {
            if let Some(fault) = judge_topic(topic) {
                faults.add("topics", fault);
            } else if !seen.insert(topic) {
                faults.add("topics", format!("names `{topic}` twice"));
            }
        }
    }

    fn find_in_texts(&self, faults: &mut Faults) {
        let texts = [
            ("bootstrap_servers", Some(&self.bootstrap_servers)),
            ("group_id", Some(&self.group_id)),
            ("event_type_header", Some(&self.event_type_header)),
            ("group_instance_id", self.group_instance_id.as_ref()),
        ];
        for (setting, text) in texts {
            if text.is_some_and(|text| text.contains('\0')) {
                faults.add(setting, "must not contain a NUL character");
            }
        }
        if self.bootstrap_servers.contains('@') {
            faults.add(
                "bootstrap_servers",
                "must be `host:port`, without credentials: set `sasl.username` and `sasl.password` as properties",
            );
        }
        if self.event_type_header.is_empty() {
            faults.add("event_type_header", "must not be empty");
        }
        if self.group_instance_id.as_ref().is_some_and(|id| id.trim().is_empty()) {
            faults.add("group_instance_id", "must not be empty; leave it out for a dynamic member");
        }
    }

    fn find_in_numbers(&self, faults: &mut Faults) {
        if self.instances == 0 {
            faults.add("instances", "must be at least 1");
        }
        if self.auto_commit_mode == AutoCommitMode::PreCommit
            && self.failure_policy.dead_letter_topic().is_some()
        {
            faults.add(
                "dead_letter_topic",
                "has no effect with `auto_commit_mode` = `pre-commit`: a record that fails is logged and gone",
            );
        }
        let side_by_side = self.concurrency != Concurrency::PerPartition;
        if self.persist_progress && !(side_by_side && self.auto_commit_mode == AutoCommitMode::PostCommit) {
            faults.add(
                "persist_progress",
                "has an effect only with `auto_commit_mode` = `post-commit` and `concurrency` = `key` or `unordered`",
            );
        }
        if self.prefetch_memory_mib == 0 {
            faults.add("prefetch_memory_mib", "must be at least 1");
        }
        if self.concurrency.in_flight() == Some(0) {
            faults.add("in_flight", "must be at least 1");
        }
        for (setting, duration) in
            [("commit_interval", self.commit_interval), ("connect_timeout", self.connect_timeout)]
        {
            if duration.is_zero() {
                faults.add(setting, "must be longer than zero");
            }
        }
        self.find_in_revoke_grace(faults);
    }

    fn find_in_revoke_grace(&self, faults: &mut Faults) {
        // The brokers count from the moment that the group rebalances, of which the member learns by a heartbeat.
        let takes = DrainPlan::time_to_revoke(self.revoke_grace).saturating_add(self.heartbeat_interval());
        let interval = self.max_poll_interval();
        if takes >= interval {
            faults.add(
                "revoke_grace",
                format!(
                    "is too long: a revocation may take up to {} ms in all (until it is noticed, the grace, a fifth of it for \
                     cancelled handlers, two seconds for dropped ones and the last commit), which must be less than \
                     `max.poll.interval.ms`, which is {} ms",
                    takes.as_millis(),
                    interval.as_millis()
                ),
            );
        }
    }

    /// librdkafka would go for Kerberos, whose library is hardly ever there.
    fn uses_sasl_without_a_mechanism(&self) -> bool {
        let protocol = self.properties.get("security.protocol").map(|protocol| protocol.to_ascii_lowercase());
        let has_mechanism = self.properties.keys().any(|name| {
            let property = elsewhere::find(name).map_or(name.as_str(), |elsewhere| elsewhere.property);
            matches!(property, "sasl.mechanism" | "sasl.mechanisms")
        });
        protocol.is_some_and(|protocol| protocol.starts_with("sasl_")) && !has_mechanism
    }

    /// How often a member hears from its group. A value that makes no sense has a fault of its own.
    fn heartbeat_interval(&self) -> Duration {
        const LIBRDKAFKAS: Duration = Duration::from_secs(3);
        const BROKERS: Duration = Duration::from_secs(5);
        if self.uses_new_group_protocol() {
            return BROKERS;
        }
        let written = self.properties.get("heartbeat.interval.ms").and_then(|value| value.parse().ok());
        written.map_or(LIBRDKAFKAS, Duration::from_millis)
    }

    /// How long the brokers wait for a member to give up partitions and to rejoin before they go on without it. (librdkafka tells
    /// them; that the member's thread polls meanwhile does not help.) A value that makes no sense has a fault of its own.
    fn max_poll_interval(&self) -> Duration {
        const LIBRDKAFKAS: Duration = Duration::from_secs(300);
        let written = self.properties.get("max.poll.interval.ms").and_then(|value| value.parse().ok());
        written.map_or(LIBRDKAFKAS, Duration::from_millis)
    }
}

/// What is wrong with the name of a topic, if anything.
fn judge_topic(topic: &str) -> Option<String> {
    // The brokers' own limit.
    const LONGEST: usize = 249;
    if topic.contains('\0') {
        return Some("must not contain a NUL character".to_owned());
    }
    if topic.is_empty() {
        return Some("has an empty name in it".to_owned());
    }
    if topic.starts_with('^') {
        return None;
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.len() > LONGEST || topic == "." || topic == ".." || !topic.chars().all(legal) {
        return Some(format!(
            "has `{topic}` in it, which no topic can be called: up to {LONGEST} letters (a-z), digits, `.`, `_` and \
             `-` (a regular expression starts with `^`)"
        ));
    }
    None
}

#[cfg(test)]
mod tests;
