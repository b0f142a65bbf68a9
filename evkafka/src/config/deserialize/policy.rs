//! Reading a failure policy by itself, for a router: under the names that it has among a consumer's settings.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::super::{AutoCommitMode, fault::Faults, reader::Reader};
use super::{ConsumerSettings, judge_last_step};
use crate::settle::FailurePolicy;

/// The settings of a policy.
pub(super) const POLICY: &[&str] = &[
    "attempt_timeout",
    "retry_attempts",
    "retry_backoff",
    "retry_backoff_max",
    "retry_last_step",
    "dead_letter_topic",
];

impl<'de> Deserialize<'de> for FailurePolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PolicyVisitor)
    }
}

struct PolicyVisitor;

impl<'de> Visitor<'de> for PolicyVisitor {
    type Value = FailurePolicy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table with the settings of a failure policy")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<FailurePolicy, A::Error> {
        let mut reader = Reader::<ConsumerSettings>::default();
        while let Some((name, value)) = table.next_entry()? {
            reader.read_among("failure_policy", POLICY, name, value);
        }
        reader.finish_as(finish).map_err(A::Error::custom)
    }
}

/// Whether a dead letter is possible depends on the consumer, and is judged when the app starts.
fn finish(settings: ConsumerSettings, is_given: &dyn Fn(&str) -> bool, faults: &mut Faults) -> FailurePolicy {
    judge_last_step(is_given, faults);
    settings.config.failure_policy.find(AutoCommitMode::PostCommit, faults);
    settings.config.failure_policy
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        config::ConsumerConfig,
        settle::{Backoff, LastStep},
    };

    /// As the environment has it, all values are strings.
    const ALL: &str = r#"{
        "attempt_timeout": "30s", "retry_attempts": "5", "retry_backoff": "50ms", "retry_backoff_max": "10s",
        "dead_letter_topic": "orders.dead"
    }"#;

    fn expected() -> FailurePolicy {
        FailurePolicy::new()
            .attempts(5)
            .attempt_timeout(Duration::from_secs(30))
            .backoff(Backoff::exponential(Duration::from_millis(50), Duration::from_secs(10)))
            .dead_letter("orders.dead")
    }

    fn faults(json: &str) -> String {
        serde_json::from_str::<FailurePolicy>(json).unwrap_err().to_string()
    }

    #[test]
    fn a_policy_is_read_by_itself_and_as_a_table_of_a_consumer() {
        let policy: FailurePolicy = serde_json::from_str(ALL).unwrap();
        assert_eq!(policy, expected());
        let config: ConsumerConfig =
            serde_json::from_str(&format!(r#"{{"topics": "orders", "failure_policy": {ALL}}}"#)).unwrap();
        assert_eq!(config, ConsumerConfig::new(["orders"]).failure_policy(expected()));
        let skips: FailurePolicy = toml::from_str("retry_attempts = 2\nretry_last_step = \"skip\"").unwrap();
        assert_eq!(skips, FailurePolicy::new().attempts(2).last_step(LastStep::Skip));
        assert_eq!(serde_json::from_str::<FailurePolicy>("{}").unwrap(), FailurePolicy::new());
    }

    #[test]
    fn all_faults_of_a_policy_are_told_with_what_was_meant() {
        let told = faults(
            r#"{"attempts": 3, "backof": "1s", "retry_backoff": 5, "retry_last_step": "ignore", "attempt_timeout": "0s",
                "group_id": "billing", "nothing": null}"#,
        );
        for part in [
            "`attempts` is an unknown setting of a failure policy; did you mean `retry_attempts`?",
            "`backof` is an unknown setting of a failure policy; did you mean `retry_backoff`?",
            "`retry_backoff` has no unit",
            "`retry_last_step` must be `stop` or `skip`, not `ignore`",
            "`attempt_timeout` must be longer than zero",
            "`group_id` is an unknown setting of a failure policy",
        ] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        assert_eq!(told.matches('\n').count(), 5, "{told}");
    }

    #[test]
    fn a_setting_of_a_policy_is_given_once() {
        let given = |json: &str| serde_json::from_str::<ConsumerConfig>(json).unwrap_err().to_string();
        let twice = given(r#"{"retry_attempts": 3, "failure_policy": {"retry_attempts": 4}}"#);
        assert!(twice.starts_with("`retry_attempts` is given twice"), "{twice}");
        let both = given(r#"{"retry_last_step": "skip", "failure_policy": {"dead_letter_topic": "dead"}}"#);
        assert!(both.starts_with("`dead_letter_topic` is a last step already"), "{both}");
        assert!(given(r#"{"failure_policy": "skip"}"#).starts_with("`failure_policy` must be a table"));
        assert!(
            faults(r#"{"dead_letter_topic": "no topic"}"#).contains("`dead_letter_topic` has `no topic`")
        );
    }
}
