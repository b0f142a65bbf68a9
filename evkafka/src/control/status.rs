use std::{fmt, sync::Arc, time::SystemTime};

use serde::Serialize;

use super::{
    failure::FailureStatus,
    live::Controlled,
    scope::Scope,
    serialize::{display, moment, moment_if, text},
};
use crate::engine::{Activity, PartitionSnapshot, PauseInForce, Snapshot};

/// An app at one moment: its consumers, their members in this process, and the partitions that are assigned to these.
///
/// `Display` has a line for each. `Serialize` gives the fields under their names, and times as RFC 3339 has them.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// In the order in which the app has them.
    pub consumers: Vec<ConsumerStatus>,
}

/// A consumer of the app.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ConsumerStatus {
    /// Its name in the app.
    #[serde(serialize_with = "text")]
    pub name: Arc<str>,
    /// Its group.
    #[serde(serialize_with = "text")]
    pub group: Arc<str>,
    /// The topics that it reads, names and patterns.
    pub topics: Vec<String>,
    /// The pauses that hold, oldest first, also those of partitions that other processes own.
    pub pauses: Vec<PauseStatus>,
    /// Its members in this process, as many as its `instances`.
    pub members: Vec<MemberStatus>,
    /// The last 16 attempts that failed, oldest first.
    pub failures: Vec<FailureStatus>,
}

/// A pause that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PauseStatus {
    /// What it is for, of its consumer.
    #[serde(serialize_with = "display")]
    pub scope: Scope,
    /// Why.
    #[serde(serialize_with = "text")]
    pub reason: Arc<str>,
    /// Since when.
    #[serde(serialize_with = "moment")]
    pub since: SystemTime,
    /// When it ends by itself; `None` if it does not.
    #[serde(serialize_with = "moment_if")]
    pub ends_at: Option<SystemTime>,
}

/// A member of a consumer's group in this process.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MemberStatus {
    /// Its number among the consumer's `instances`, from 0.
    pub instance: u32,
    /// Whether its group has admitted it, be it once.
    pub has_joined: bool,
    /// What it is assigned, in order.
    pub partitions: Vec<PartitionStatus>,
}

/// A partition that a member is assigned.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// Its topic.
    #[serde(serialize_with = "text")]
    pub topic: Arc<str>,
    /// Its number.
    pub partition: i32,
    /// What is done with it.
    pub phase: PartitionPhase,
    /// The pause that holds it, the oldest if there are several.
    pub paused: Option<PauseStatus>,
    /// The offset below which all records are settled; in pre-commit mode, below which they may begin. `None` before its start is known.
    pub position: Option<i64>,
    /// The offset that the broker has acknowledged, as far as this member knows.
    pub committed: Option<i64>,
    /// How many records wait for their next attempt.
    pub backing_off: usize,
}

/// What is done with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartitionPhase {
    /// Its records are handled.
    Running,
    /// No record is taken until it is resumed. What was under way finishes.
    Paused,
    /// What was under way finishes, before it continues elsewhere.
    Seeking,
    /// It is being released: revoked, or the app drains.
    Stopping,
}

impl ConsumerStatus {
    pub(super) fn of(consumer: &Controlled) -> Self {
        let Controlled { commands, members, group, topics, instances } = consumer;
        let name = commands.consumer();
        let Snapshot { pauses, partitions } = commands.snapshot();
        let joined: Vec<_> = members.vitals().iter().map(|member| member.has_joined).collect();
        let member = |instance: u32| {
            let has_joined = joined.get(instance as usize).is_some_and(|has_joined| *has_joined);
            let of = partitions.iter().filter(|snapshot| snapshot.instance == instance);
            MemberStatus {
                instance,
                has_joined,
                partitions: of.map(|of| PartitionStatus::of(name, of)).collect(),
            }
        };
        Self {
            name: Arc::clone(name),
            group: Arc::clone(group),
            topics: topics.clone(),
            pauses: pauses.iter().map(|pause| PauseStatus::of(name, pause)).collect(),
            members: (0..*instances).map(member).collect(),
            failures: commands.failures().into_iter().map(FailureStatus::of).collect(),
        }
    }
}

impl PauseStatus {
    fn of(consumer: &Arc<str>, pause: &PauseInForce) -> Self {
        let PauseInForce { filter, reason, since, ends_at } = pause;
        let scope = Scope {
            consumer: Some(Arc::clone(consumer)),
            topic: filter.topic().cloned(),
            partition: filter.partition(),
        };
        Self { scope, reason: Arc::clone(reason), since: *since, ends_at: *ends_at }
    }
}

impl PartitionStatus {
    fn of(consumer: &Arc<str>, snapshot: &PartitionSnapshot) -> Self {
        let (topic, partition) = &snapshot.partition;
        Self {
            topic: Arc::clone(topic),
            partition: *partition,
            phase: match snapshot.activity {
                Activity::Runs => PartitionPhase::Running,
                Activity::IsPaused => PartitionPhase::Paused,
                Activity::Seeks => PartitionPhase::Seeking,
                Activity::Stops => PartitionPhase::Stopping,
            },
            paused: snapshot.paused.as_ref().map(|pause| PauseStatus::of(consumer, pause)),
            position: snapshot.position,
            committed: snapshot.committed,
            backing_off: snapshot.backing_off,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, consumer) in self.consumers.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            consumer.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for ConsumerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "consumer {}, group {}", self.name, self.group)?;
        self.pauses.iter().try_for_each(|pause| write!(f, "\n  {pause}"))?;
        for MemberStatus { instance, partitions, .. } in &self.members {
            write!(f, "\n  member {instance}")?;
            if partitions.is_empty() {
                f.write_str(": no partitions")?;
            }
            partitions.iter().try_for_each(|partition| write!(f, "\n    {partition}"))?;
        }
        self.failures.iter().try_for_each(|failure| write!(f, "\n  {failure}"))
    }
}

impl fmt::Display for PauseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = self.since.elapsed().unwrap_or_default().as_secs();
        write!(f, "paused for {age} s: {} ({})", self.scope, self.reason)?;
        let Some(ends_at) = self.ends_at else { return Ok(()) };
        let left = ends_at.duration_since(SystemTime::now()).unwrap_or_default().as_secs();
        write!(f, ", ends in {left} s")
    }
}

impl fmt::Display for PartitionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] {}", self.topic, self.partition, self.phase)?;
        self.paused.iter().try_for_each(|pause| write!(f, " ({})", pause.reason))?;
        self.position.iter().try_for_each(|offset| write!(f, ", position {offset}"))?;
        self.committed.iter().try_for_each(|offset| write!(f, ", committed {offset}"))?;
        match self.backing_off {
            0 => Ok(()),
            records => write!(f, ", backing off {records}"),
        }
    }
}

impl fmt::Display for PartitionPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Seeking => "seeking",
            Self::Stopping => "stopping",
        })
    }
}
