//! What facts mean. Nothing is read here: neither a clock nor the app.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::report::{HealthProblem, HealthReason, HealthReport};
use crate::engine::{LaneEnd, MemberVitals, PartitionVitals, Wait, WaitsFor};

/// An app at one moment.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) now: SystemTime,
    pub(super) stage: Stage,
    /// How much longer than it may something takes before it is stuck.
    pub(super) stall_timeout: Duration,
    pub(super) consumers: Vec<ConsumerFacts>,
}

/// Where the app is between its making and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    ToCome,
    Runs,
    /// It was to have ended that long ago.
    Drains {
        overdue: Duration,
    },
    Over(End),
}

/// How an app ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Somebody had asked for it.
    InOrder,
    /// Nobody had. The error, if there is one: without, its future was dropped.
    ByItself { error: Option<String>, at: SystemTime },
}

#[derive(Clone, Debug)]
pub(super) struct ConsumerFacts {
    pub(super) name: Arc<str>,
    pub(super) members: Vec<MemberVitals>,
    pub(super) partitions: Vec<PartitionVitals>,
}

/// Whether a restart would not help.
pub(super) fn live(facts: &Facts) -> HealthReport {
    let reasons = match &facts.stage {
        Stage::Over(End::ByItself { error, at }) => vec![ended(error.as_deref(), *at)],
        Stage::ToCome | Stage::Over(End::InOrder) => Vec::new(),
        // Its time to drain is bounded, whatever handlers do.
        Stage::Drains { overdue } if *overdue < facts.stall_timeout => Vec::new(),
        Stage::Drains { overdue } => vec![does_not_end(facts, *overdue)],
        Stage::Runs => {
            let of_consumer = |consumer| {
                let partitions = stuck_partitions(facts, consumer);
                stuck_members(facts, consumer).into_iter().chain(partitions)
            };
            facts.consumers.iter().flat_map(of_consumer).collect()
        }
    };
    HealthReport::new(reasons)
}

fn does_not_end(facts: &Facts, overdue: Duration) -> HealthReason {
    let message = format!(
        "the app was to have drained {} s ago, and has not ended: threads of the runtime are blocked",
        overdue.as_secs()
    );
    HealthReason::new(HealthProblem::DrainStuck, message).since(facts.before(overdue))
}

/// Whether each member has joined its group, and the app is not about to end.
pub(super) fn ready(facts: &Facts) -> HealthReport {
    HealthReport::new(match &facts.stage {
        Stage::Drains { .. } => vec![HealthReason::new(HealthProblem::Draining, "the app is draining")],
        stage => not_started(facts, stage),
    })
}

/// Whether each member has joined its group once.
pub(super) fn started(facts: &Facts) -> HealthReport {
    HealthReport::new(not_started(facts, &facts.stage))
}

fn not_started(facts: &Facts, stage: &Stage) -> Vec<HealthReason> {
    match stage {
        Stage::ToCome => vec![HealthReason::new(HealthProblem::NotRunning, "the app does not run yet")],
        Stage::Over(End::InOrder) => vec![HealthReason::new(HealthProblem::Ended, "the app has ended")],
        Stage::Over(End::ByItself { error, at }) => vec![ended(error.as_deref(), *at)],
        Stage::Runs | Stage::Drains { .. } => facts.consumers.iter().flat_map(not_joined).collect(),
    }
}

fn not_joined(consumer: &ConsumerFacts) -> impl Iterator<Item = HealthReason> {
    let outside = (1..).zip(&consumer.members).filter(|(_, member)| !member.has_joined);
    outside.map(|(number, _)| {
        HealthReason::new(HealthProblem::NotJoined, "it has not joined its group yet")
            .of_member(&consumer.name, number)
    })
}

fn ended(error: Option<&str>, at: SystemTime) -> HealthReason {
    let message = match error {
        Some(error) => format!("the app has ended, and its process has not: {error}"),
        None => "the app has ended, and its process has not: its future was dropped".to_owned(),
    };
    HealthReason::new(HealthProblem::Ended, message).since(Some(at))
}

fn stuck_members(facts: &Facts, consumer: &ConsumerFacts) -> Vec<HealthReason> {
    let reason = |(number, member): (usize, &MemberVitals)| {
        let reason = if member.has_ended {
            HealthReason::new(HealthProblem::Ended, "its thread has ended, and the app has not")
        } else {
            let late = member.late_by.filter(|late| *late >= facts.stall_timeout)?;
            let message = format!("its thread, which polls Kafka, has been stuck for {} s", late.as_secs());
            HealthReason::new(HealthProblem::MemberStuck, message).since(facts.before(late))
        };
        Some(reason.of_member(&consumer.name, number))
    };
    (1..).zip(&consumer.members).filter_map(reason).collect()
}

fn stuck_partitions(facts: &Facts, consumer: &ConsumerFacts) -> Vec<HealthReason> {
    let reason = |of: &PartitionVitals| {
        let (topic, partition) = &of.partition;
        Some(stuck(facts, of)?.of_partition(&consumer.name, topic, *partition))
    };
    consumer.partitions.iter().filter_map(reason).collect()
}

/// Why a partition makes no progress, if that is not up to others.
fn stuck(facts: &Facts, PartitionVitals { lane, position, .. }: &PartitionVitals) -> Option<HealthReason> {
    match lane.end {
        LaneEnd::Far => {}
        // Whoever asked for it has a plan, and drops handlers in time.
        LaneEnd::Drains => return None,
        LaneEnd::Dropped(ago) if ago < facts.stall_timeout => return None,
        LaneEnd::Dropped(ago) => {
            let message =
                format!("a handler was dropped {} s ago, and still blocks its thread", ago.as_secs());
            let reason = HealthReason::new(HealthProblem::HandlerStuck, message);
            return Some(reason.since(facts.before(ago)).at(*position));
        }
    }
    if let Some(wait) = lane.wait.filter(|wait| facts.is_stuck(wait)) {
        return Some(waits_too_long(facts, &wait, *position));
    }
    let still = Some(lane.still_for).filter(|still| facts.is_blocked(*still))?;
    let message = format!(
        "its task has not run for {} s: the runtime's threads are blocked, by handlers or other tasks",
        still.as_secs()
    );
    let reason = HealthReason::new(HealthProblem::PartitionStuck, message);
    Some(reason.since(facts.before(still)).at(*position))
}

fn waits_too_long(facts: &Facts, wait: &Wait, position: Option<i64>) -> HealthReason {
    let (lasted, late) = (wait.lasted.as_secs(), wait.late_by().unwrap_or_default().as_secs());
    let (problem, offset, message) = match wait.what {
        WaitsFor::Handler { path, offset, limit: None } => (
            HealthProblem::HandlerStuck,
            Some(offset),
            format!("the handler `{path}` has been at work for {lasted} s, and has no time limit"),
        ),
        WaitsFor::Handler { path, offset, limit: Some(limit) } => (
            HealthProblem::HandlerStuck,
            Some(offset),
            format!(
                "the handler `{path}` has been at work for {lasted} s, and could not be dropped at its limit of {} s: threads of the \
                 runtime are blocked",
                limit.as_secs_f64()
            ),
        ),
        WaitsFor::Backoff { offset, .. } => (
            HealthProblem::PartitionStuck,
            Some(offset),
            format!("the next attempt has been due for {late} s: the runtime's threads are blocked"),
        ),
        WaitsFor::Predecessor => (
            HealthProblem::HandlerStuck,
            position,
            format!("a handler of the partition's last assignment has been at work for {lasted} s"),
        ),
        WaitsFor::Turn | WaitsFor::Broker => {
            (HealthProblem::PartitionStuck, position, format!("it has waited for {lasted} s"))
        }
    };
    HealthReason::new(problem, message).since(facts.before(wait.lasted)).at(offset)
}

impl Facts {
    /// Whether something has been waited for too long.
    fn is_stuck(&self, wait: &Wait) -> bool {
        let Some(late) = wait.late_by() else { return false };
        match wait.what {
            WaitsFor::Handler { limit: None, .. } | WaitsFor::Predecessor => late >= self.stall_timeout,
            // It would be over if the runtime got to it, which another handler may keep from it.
            WaitsFor::Handler { limit: Some(limit), .. } => {
                wait.lasted >= limit.max(self.longest_attempt()).saturating_add(self.stall_timeout)
            }
            WaitsFor::Backoff { .. } => self.is_blocked(late),
            WaitsFor::Turn | WaitsFor::Broker => false,
        }
    }

    /// Whether the runtime has been blocked too long, if it has been for so long. A handler may block it within its limit.
    fn is_blocked(&self, lasted: Duration) -> bool {
        lasted >= self.stall_timeout.saturating_add(self.longest_attempt())
    }

    fn longest_attempt(&self) -> Duration {
        let partitions = self.consumers.iter().flat_map(|consumer| &consumer.partitions);
        partitions.map(|partition| partition.lane.longest_attempt).max().unwrap_or_default()
    }

    fn before(&self, lasted: Duration) -> Option<SystemTime> {
        self.now.checked_sub(lasted)
    }
}

#[cfg(test)]
#[path = "verdict/tests.rs"]
mod tests;
