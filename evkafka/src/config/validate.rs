use std::collections::HashSet;

use super::fault::Faults;
use super::properties::{Elsewhere, Properties};
use super::{AutoCommitMode, Concurrency, ConfigError, ConsumerConfig};

impl ConsumerConfig {
    /// Checks the whole configuration, without connecting anywhere. An app does this before it starts.
    ///
    /// It reads the files and environment variables that properties refer to (`sasl.password.file`, `sasl.password.env`), and
    /// checks the values in them. An app reads them once more when it starts.
    ///
    /// # Errors
    ///
    /// If a required setting is missing, a setting or a property has a value that it cannot have, a value cannot be read,
    /// or a property is unknown, of use to producers only, or owned by evkafka: one error that names all of these faults.
    /// A few contradictions between properties, and what only the brokers can know, come to light when the consumer starts.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.resolve().map(drop)
    }

    /// Finds what is required and not there.
    pub(super) fn find_missing(&self, faults: &mut Faults) {
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

    /// Finds what is wrong with what is there, as far as it shows without looking elsewhere.
    pub(super) fn find_written(&self, faults: &mut Faults) {
        self.find_in_settings(faults);
        self.judge_properties(Elsewhere::Leave, faults);
    }

    /// Finds what is wrong with settings by themselves.
    pub(super) fn find_in_settings(&self, faults: &mut Faults) {
        self.find_in_topics(faults);
        self.find_in_texts(faults);
        self.find_in_numbers(faults);
    }

    /// Finds what is wrong with settings beside these properties.
    pub(super) fn find_beside_properties(&self, properties: &Properties<'_>, faults: &mut Faults) {
        if let Some(interval) = properties.max_poll_interval()
            && self.revoke_grace >= interval
        {
            faults.add(
                "revoke_grace",
                format!("must be shorter than `max.poll.interval.ms`, which is {} ms", interval.as_millis()),
            );
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
