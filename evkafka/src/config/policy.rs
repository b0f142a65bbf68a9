//! Whether a failure policy can work.

use std::time::Duration;

use super::fault::Faults;
use super::names::judge_legal;
use super::{AutoCommitMode, ConfigError};
use crate::settle::FailurePolicy;

impl FailurePolicy {
    /// Checks a policy of a router, for a consumer that commits in this way.
    ///
    /// # Errors
    /// With all faults, by the names of the settings.
    pub(crate) fn validate(&self, mode: AutoCommitMode) -> Result<(), ConfigError> {
        let mut faults = Faults::default();
        self.find(mode, &mut faults);
        faults.into_result()
    }

    pub(super) fn find(&self, mode: AutoCommitMode, faults: &mut Faults) {
        if self.time_limit() == Some(Duration::ZERO) {
            faults.add("attempt_timeout", "must be longer than zero, or no handler would finish");
        }
        if self.backoff.initial > self.backoff.max {
            faults.add("retry_backoff", "must not be longer than `retry_backoff_max`");
        }
        let Some(topic) = self.dead_letter_topic() else { return };
        if let Some(fault) = judge_legal(topic, "topic") {
            faults.add("dead_letter_topic", fault);
        }
        if mode == AutoCommitMode::PreCommit {
            faults.add(
                "dead_letter_topic",
                "has no effect with `auto_commit_mode` = `pre-commit`: a record that fails is logged and gone",
            );
        }
    }
}
