use std::{fmt, sync::Arc, time::Duration};

use crate::error::one_line;

/// How one consumer settled a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settlement {
    /// Its handler succeeded, and what it returned was acknowledged.
    Handled,
    /// No handler matched it, or its handler returned [`Outcome::Skip`](crate::Outcome::Skip).
    Skipped,
    /// It was sent to its dead-letter topic, which was acknowledged.
    DeadLettered,
    /// It failed, and the policy's last step was to skip it; or pre-commit, which does not try again.
    GivenUp,
    /// It is not settled: it failed for good, and the app stopped at it.
    Stopped,
    /// It was committed before it was handled (pre-commit), and its handler was dropped.
    Lost,
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handled => "handled",
            Self::Skipped => "skipped",
            Self::DeadLettered => "dead-lettered",
            Self::GivenUp => "given up",
            Self::Stopped => "not settled: the app stopped at it",
            Self::Lost => "lost: it was committed, and its handler was dropped",
        })
    }
}

/// What one consumer made of a record. Its `Display` tells all of it, step by step.
#[derive(Clone, Debug)]
pub struct Story {
    pub(super) place: Place,
    /// What is shown of the record.
    pub(super) record: String,
    pub(super) steps: Vec<(Duration, String)>,
    /// The attempts before the record was read for the last time, and since then.
    pub(super) earlier_attempts: u32,
    pub(super) attempt: u32,
    pub(super) settlement: Option<Settlement>,
    pub(super) handler: Option<&'static str>,
    pub(super) error: Option<String>,
    pub(super) dead_letter_topic: Option<String>,
    /// What its group has committed of the partition.
    pub(super) committed: Option<i64>,
}

/// A record, as it is read by one consumer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) consumer: Arc<str>,
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl Story {
    /// That of a record that has not been read.
    pub(super) fn unread(place: Place) -> Self {
        Self {
            place,
            record: String::new(),
            steps: Vec::new(),
            earlier_attempts: 0,
            attempt: 0,
            settlement: None,
            handler: None,
            error: None,
            dead_letter_topic: None,
            committed: None,
        }
    }

    /// The consumer's name.
    pub fn consumer(&self) -> &str {
        &self.place.consumer
    }

    /// The record's topic.
    pub fn topic(&self) -> &str {
        &self.place.topic
    }

    /// The record's partition.
    pub fn partition(&self) -> i32 {
        self.place.partition
    }

    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.place.offset
    }

    /// How it was settled; `None` if it was not.
    pub fn settlement(&self) -> Option<Settlement> {
        self.settlement
    }

    /// The path of the handler's function; `None` if none matched the record.
    pub fn handler(&self) -> Option<&'static str> {
        self.handler
    }

    /// How many attempts were made, those before a rebalance or a restart included.
    pub fn attempts(&self) -> u32 {
        self.earlier_attempts + self.attempt
    }

    /// How the last failed attempt failed: the error with its causes.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The topic that its dead letter was sent to.
    pub fn dead_letter_topic(&self) -> Option<&str> {
        self.dead_letter_topic.as_deref()
    }

    /// Whether its group has committed an offset behind it, so that nobody reads it again.
    pub fn is_committed(&self) -> bool {
        self.committed.is_some_and(|committed| committed > self.place.offset)
    }

    pub(super) fn tell(&mut self, at: Duration, step: impl Into<String>) {
        self.steps.push((at, step.into()));
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { consumer, topic, partition, offset } = &self.place;
        writeln!(f, "{topic}[{partition}] offset {offset}, read by the consumer `{consumer}`:")?;
        if self.steps.is_empty() {
            writeln!(f, "  it was not read")?;
        } else {
            writeln!(f, "  record: {}", one_line(&self.record))?;
        }
        for (at, step) in &self.steps {
            writeln!(f, "  +{:.3}s: {}", at.as_secs_f64(), one_line(step))?;
        }
        match self.committed {
            Some(committed) if self.is_committed() => write!(f, "  committed: offset {committed}"),
            Some(committed) => write!(f, "  not committed: the group is at offset {committed}"),
            None => write!(f, "  not committed: the group has committed nothing of the partition"),
        }
    }
}
