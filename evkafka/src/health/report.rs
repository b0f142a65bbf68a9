use std::{fmt, sync::Arc, time::SystemTime};

use serde::Serialize;

use crate::control::{moment_if, text_if};

/// The answer to one of [`Health`](super::Health)'s questions: `ok`, or what is wrong.
///
/// `Display` has a line for each reason, and `Serialize` gives
///
/// ```json
/// {"status":"failed","reasons":[{"problem":"handler_stuck","consumer":"orders","topic":"orders","partition":3,"offset":4711,
///   "since":"2026-11-26T03:58:38Z","message":"the handler `billing::on_order` has been at work for 312 s …"}]}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Shown")]
#[must_use]
pub struct HealthReport {
    reasons: Vec<HealthReason>,
}

#[derive(Serialize)]
struct Shown {
    status: &'static str,
    reasons: Vec<HealthReason>,
}

impl From<HealthReport> for Shown {
    fn from(report: HealthReport) -> Self {
        Self { status: report.status(), reasons: report.reasons }
    }
}

/// Why a [`HealthReport`] is not ok. Neither payloads nor keys nor secrets are in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HealthReason {
    /// What sort of problem it is.
    pub problem: HealthProblem,
    /// The consumer, if it is the problem of one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "text_if")]
    pub consumer: Option<Arc<str>>,
    /// Which of the consumer's members, from 1 on as in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<usize>,
    /// The topic, if it is the problem of one partition.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "text_if")]
    pub topic: Option<Arc<str>>,
    /// The partition's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// The record that it is about, or behind which nothing is settled; of a batch, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// Since when, to about a second.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "moment_if")]
    pub since: Option<SystemTime>,
    /// What is wrong, for people. The text may change.
    pub message: String,
}

/// What sort of problem a [`HealthReason`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HealthProblem {
    /// A handler has been at work for longer than it may.
    HandlerStuck,
    /// A partition's task does not run: the runtime's threads are blocked.
    PartitionStuck,
    /// The thread that polls librdkafka for a member is stuck.
    MemberStuck,
    /// A member, or the app, has ended although nobody asked for it.
    Ended,
    /// The app was not run yet.
    NotRunning,
    /// A member has not joined its group yet.
    NotJoined,
    /// The app drains.
    Draining,
    /// The app was to have drained long ago, and has not ended.
    DrainStuck,
}

impl HealthReport {
    pub(super) fn new(reasons: Vec<HealthReason>) -> Self {
        Self { reasons }
    }

    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.reasons.is_empty()
    }

    /// What is wrong; empty if the report is [ok](Self::is_ok).
    pub fn reasons(&self) -> &[HealthReason] {
        &self.reasons
    }

    fn status(&self) -> &'static str {
        if self.is_ok() { "ok" } else { "failed" }
    }
}

impl HealthReason {
    /// Of the whole app.
    pub(super) fn new(problem: HealthProblem, message: impl Into<String>) -> Self {
        Self {
            problem,
            consumer: None,
            member: None,
            topic: None,
            partition: None,
            offset: None,
            since: None,
            message: message.into(),
        }
    }

    pub(super) fn since(self, since: Option<SystemTime>) -> Self {
        Self { since, ..self }
    }

    pub(super) fn of_member(self, consumer: &Arc<str>, member: usize) -> Self {
        Self { consumer: Some(Arc::clone(consumer)), member: Some(member), ..self }
    }

    pub(super) fn of_partition(self, consumer: &Arc<str>, topic: &Arc<str>, partition: i32) -> Self {
        let (consumer, topic) = (Some(Arc::clone(consumer)), Some(Arc::clone(topic)));
        Self { consumer, topic, partition: Some(partition), ..self }
    }

    pub(super) fn at(self, offset: Option<i64>) -> Self {
        Self { offset, ..self }
    }
}

impl fmt::Display for HealthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status())?;
        self.reasons.iter().try_for_each(|reason| write!(f, "\n{reason}"))
    }
}

impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { consumer, member, topic, partition, offset, message, .. } = self;
        consumer.iter().try_for_each(|consumer| write!(f, "consumer `{consumer}`"))?;
        member.iter().try_for_each(|member| write!(f, ", member {member}"))?;
        if let (Some(topic), Some(partition)) = (topic, partition) {
            write!(f, ", {topic}[{partition}]")?;
        }
        offset.iter().try_for_each(|offset| write!(f, ", offset {offset}"))?;
        let colon = if consumer.is_some() { ": " } else { "" };
        write!(f, "{colon}{message}")
    }
}
