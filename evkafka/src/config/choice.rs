//! Settings that choose one of a few.

use super::Concurrency;
use crate::settle::LastStep;

/// A choice by the name that a configuration file gives it.
pub(super) trait Choice: Clone + 'static {
    const NAMES: &'static [(&'static str, Self)];
}

/// When the offset of a record is committed, and so how often a record may be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AutoCommitMode {
    /// After the record was handled, or skipped because no handler takes it: **at least once**. In a configuration
    /// file: `"post-commit"`.
    ///
    /// A record whose handler fails is handled again, and so is one that was handled but not yet committed when the
    /// process died. Make handlers idempotent.
    #[default]
    PostCommit,
    /// Before the record is handled: **at most once**. In a configuration file: `"pre-commit"`.
    ///
    /// The broker has acknowledged the offset before the handler runs, so nothing makes a record run twice; a record
    /// whose handler fails is lost.
    PreCommit,
}

impl Choice for AutoCommitMode {
    const NAMES: &'static [(&'static str, Self)] =
        &[("post-commit", Self::PostCommit), ("pre-commit", Self::PreCommit)];
}

/// Where a group starts in a partition for which it has no committed offset.
///
/// Where the committed offset has been deleted by retention, a group goes on at the start of the log, whichever is chosen (but
/// [`Error`](Self::Error)), and an error in the log says how many records are lost to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OffsetReset {
    /// At the earliest record that there is. In a configuration file: `"earliest"`.
    #[default]
    Earliest,
    /// At the end: only what is written from then on. In a configuration file: `"latest"`.
    ///
    /// The end is where the partition ended when the group first looked; that is committed, and what is written from then on is
    /// handled, also while no member is there. What is written to a new partition before the group has noticed the partition is
    /// lost.
    Latest,
    /// Nowhere: the consumer stops with an error, also where the committed offset has been deleted. In a configuration file:
    /// `"error"`.
    Error,
}

impl Choice for OffsetReset {
    const NAMES: &'static [(&'static str, Self)] =
        &[("earliest", Self::Earliest), ("latest", Self::Latest), ("error", Self::Error)];
}

impl OffsetReset {
    /// What librdkafka is told to do where there is no committed offset, and also where one is not in the log any more. At the end it
    /// would pass over what is still there, so groups that begin at the end are led there.
    pub(super) fn in_librdkafka(self) -> &'static str {
        match self {
            Self::Earliest | Self::Latest => "earliest",
            Self::Error => "error",
        }
    }
}

/// What a starting consumer does when something that it needs is not there (yet).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnUnavailable {
    /// Ends the start with an error. In a configuration file: `"fail"`.
    #[default]
    Fail,
    /// Waits, for as long as it takes. In a configuration file: `"wait"`.
    Wait,
}

impl Choice for OnUnavailable {
    const NAMES: &'static [(&'static str, Self)] = &[("fail", Self::Fail), ("wait", Self::Wait)];
}

impl Choice for Concurrency {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("partition", Self::PerPartition),
        ("key", Self::PerKey { in_flight: IN_FLIGHT }),
        ("unordered", Self::Unordered { in_flight: IN_FLIGHT }),
    ];
}

/// How many records are handled side by side if a configuration file does not say.
const IN_FLIGHT: u32 = 100;

impl Choice for LastStep {
    const NAMES: &'static [(&'static str, Self)] = &[("stop", Self::Stop), ("skip", Self::Skip)];
}
