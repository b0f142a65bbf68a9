use super::pause::PauseInForce;
use crate::engine::{
    assignment::TopicPartition,
    lane::{LaneControl, Phase},
    vitals::LaneVitals,
};

/// A consumer's partitions in this process, at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) pauses: Vec<PauseInForce>,
    pub(crate) partitions: Vec<PartitionSnapshot>,
}

/// A partition that is assigned to one of the consumer's members.
#[derive(Debug)]
pub(crate) struct PartitionSnapshot {
    /// Which of the consumer's members.
    pub(crate) instance: u32,
    pub(crate) partition: TopicPartition,
    pub(crate) activity: Activity,
    /// The pause that it has been in for longest.
    pub(crate) paused: Option<PauseInForce>,
    /// What may be committed.
    pub(crate) position: Option<i64>,
    /// What the broker has acknowledged.
    pub(crate) committed: Option<i64>,
    pub(crate) backing_off: usize,
}

/// How the lane of a partition fares.
#[derive(Clone, Debug)]
pub(crate) struct PartitionVitals {
    pub(crate) partition: TopicPartition,
    /// What may be committed.
    pub(crate) position: Option<i64>,
    pub(crate) lane: LaneVitals,
}

/// What a lane does, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    Runs,
    IsPaused,
    /// What is under way finishes before it continues elsewhere.
    Seeks,
    Stops,
}

impl PartitionSnapshot {
    /// `None` if the lane is over.
    pub(super) fn of(
        instance: u32,
        partition: &TopicPartition,
        lane: &LaneControl,
        paused: Option<PauseInForce>,
    ) -> Option<Self> {
        let activity = match lane.phase() {
            Phase::Over => return None,
            Phase::Stopping | Phase::Cancelled | Phase::Aborted => Activity::Stops,
            Phase::Running | Phase::Paused if lane.is_seeking() => Activity::Seeks,
            Phase::Running => Activity::Runs,
            Phase::Paused => Activity::IsPaused,
        };
        let progress = lane.progress();
        Some(Self {
            instance,
            partition: partition.clone(),
            activity,
            paused,
            position: progress.position(),
            committed: progress.committed(),
            backing_off: lane.backing_off.records(),
        })
    }
}
