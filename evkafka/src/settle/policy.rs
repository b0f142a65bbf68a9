use std::num::NonZeroU32;

use super::Backoff;

/// What to do with a record whose handling failed, in post-commit mode.
///
/// The default loses nothing: it tries for ever, with [`Backoff::default`] between attempts, and stops the app at a
/// record that cannot be decoded.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FailurePolicy {
    attempts: Option<NonZeroU32>,
    pub(crate) backoff: Backoff,
    pub(crate) last_step: LastStep,
}

/// What to do with a record that no further attempt is made at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LastStep {
    /// Stop the app with an error that names the record. Its offset is not committed.
    #[default]
    Stop,
    /// Log it as an error and go on. The record is lost to this group: its offset is committed.
    Skip,
}

impl FailurePolicy {
    /// The default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the attempts at a record, the first one included. Zero counts as one.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.limit(attempts);
        self
    }

    /// Sets the wait between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets what is done when the attempts are used up, or when no attempt can help.
    #[must_use]
    pub fn last_step(mut self, last_step: LastStep) -> Self {
        self.last_step = last_step;
        self
    }

    pub(crate) fn limit(&mut self, attempts: u32) {
        self.attempts = Some(NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN));
    }

    pub(super) fn allows_another(&self, attempt: u32) -> bool {
        self.attempts.is_none_or(|attempts| attempt < attempts.get())
    }
}
