use std::collections::HashSet;

use super::fault::Faults;
use super::names::{judge_legal, judge_text, judge_topic};
use super::properties::{Elsewhere, Properties};
use super::servers::{find_in_protocols, find_in_servers, find_missing_servers};
use super::statistics::find_in_interval;
use super::{AutoCommitMode, Concurrency, ConfigError, ConsumerConfig};
use crate::engine::DrainPlan;

/// A process is out of threads long before there are more.
pub(super) const MOST_INSTANCES: u32 = 256;
const MOST_IN_FLIGHT: u32 = 1_000_000;
const MOST_PREFETCH_MIB: u32 = 1 << 20;

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
        find_missing_servers(&self.bootstrap_servers, faults);
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
        self.find_in_revoke_grace(properties, faults);
        find_in_protocols(&self.bootstrap_servers, properties, faults);
    }

    fn find_in_revoke_grace(&self, properties: &Properties<'_>, faults: &mut Faults) {
        let (Some(interval), Some(heartbeat)) =
            (properties.max_poll_interval(), properties.heartbeat_interval())
        else {
            return;
        };
        // The brokers count from the moment that the group rebalances, of which the member learns by a heartbeat.
        let takes = DrainPlan::time_to_revoke(self.revoke_grace).saturating_add(heartbeat);
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
        find_in_servers(&self.bootstrap_servers, faults);
        if let Some(fault) = judge_text(&self.group_id).filter(|_| !self.group_id.trim().is_empty()) {
            faults.add("group_id", fault);
        }
        self.find_in_event_types(faults);
        // The last instance has the longest.
        let static_member = self.instance_id(self.instances.saturating_sub(1));
        if let Some(fault) = static_member.and_then(|id| judge_legal(&id, "static member")) {
            faults.add("group_instance_id", fault);
        }
    }

    fn find_in_numbers(&self, faults: &mut Faults) {
        for (setting, number, most, why) in [
            ("instances", self.instances, MOST_INSTANCES, "each has connections and threads of its own"),
            (
                "in_flight",
                self.concurrency.in_flight().unwrap_or(1),
                MOST_IN_FLIGHT,
                "each is a call of a handler",
            ),
            ("prefetch_memory_mib", self.prefetch_memory_mib, MOST_PREFETCH_MIB, "that is 1 TiB"),
        ] {
            if number == 0 {
                faults.add(setting, "must be at least 1");
            }
            if number > most {
                faults.add(setting, format!("must be at most {most}: {why}"));
            }
        }
        self.failure_policy.find(self.auto_commit_mode, faults);
        let side_by_side = self.concurrency != Concurrency::PerPartition;
        if self.persist_progress && !(side_by_side && self.auto_commit_mode == AutoCommitMode::PostCommit) {
            faults.add(
                "persist_progress",
                "has an effect only with `auto_commit_mode` = `post-commit` and `concurrency` = `key` or `unordered`",
            );
        }
        for (setting, duration) in
            [("commit_interval", self.commit_interval), ("connect_timeout", self.connect_timeout)]
        {
            if duration.is_zero() {
                faults.add(setting, "must be longer than zero");
            }
        }
        find_in_interval(self.statistics_interval, faults);
    }
}

#[cfg(test)]
mod tests;
