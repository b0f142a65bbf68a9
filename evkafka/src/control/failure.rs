use std::{fmt, sync::Arc, time::SystemTime};

use serde::Serialize;

use super::serialize::{moment, text};
use crate::engine::{Became, FailureNote};

/// An attempt that failed. Neither the payload nor the key is in it, unless your own error has it in its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailureStatus {
    /// The record's topic.
    #[serde(serialize_with = "text")]
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset; of a batch, that of the first record.
    pub offset: i64,
    /// The event type, cut and escaped as in the log.
    pub event: Option<String>,
    /// Which attempt it was, 1 for the first.
    pub attempt: u32,
    /// What went wrong, with its causes, in one line of at most 500 characters.
    pub error: String,
    /// What became of the record.
    pub then: AfterFailure,
    /// When it failed; of a dead letter, when that was acknowledged.
    #[serde(serialize_with = "moment")]
    pub at: SystemTime,
}

/// What became of a record after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AfterFailure {
    /// Another attempt follows.
    Retried,
    /// It was skipped.
    Skipped,
    /// It was sent to the dead-letter topic.
    DeadLettered,
    /// It ends the app.
    Stopped,
}

impl FailureStatus {
    pub(super) fn of(note: FailureNote) -> Self {
        let FailureNote { topic, partition, offset, event, attempt, error, became, at } = note;
        let then = match became {
            Became::Retried => AfterFailure::Retried,
            Became::Skipped => AfterFailure::Skipped,
            Became::DeadLettered => AfterFailure::DeadLettered,
            Became::Stopped => AfterFailure::Stopped,
        };
        Self { topic, partition, offset, event, attempt, error, then, at }
    }
}

impl fmt::Display for FailureStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, offset, attempt, error, then, .. } = self;
        write!(f, "{topic}[{partition}] offset {offset}, attempt {attempt} failed ({then}): {error}")
    }
}

impl fmt::Display for AfterFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retried => "retried",
            Self::Skipped => "skipped",
            Self::DeadLettered => "sent to the dead-letter topic",
            Self::Stopped => "the app ends",
        })
    }
}
