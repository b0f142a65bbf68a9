use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{drain::DrainPlan, lane::LaneControl};
use crate::{native::CommitEntry, settle::Progress};

/// A topic's partition.
pub(crate) type TopicPartition = (Arc<str>, i32);

/// The lanes of one member: what it is assigned.
#[derive(Debug, Default)]
pub(crate) struct Assignment(Mutex<HashMap<TopicPartition, LaneHandle>>);

/// A lane as the others see it.
#[derive(Clone, Debug)]
pub(crate) struct LaneHandle {
    pub(crate) control: Arc<LaneControl>,
    pub(crate) progress: Arc<Progress>,
    /// Whether the partition is assigned to us.
    pub(crate) owned: bool,
}

impl Assignment {
    fn lanes(&self) -> MutexGuard<'_, HashMap<TopicPartition, LaneHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a lane; what stood in its place.
    pub(crate) fn insert(&self, partition: TopicPartition, lane: LaneHandle) -> Option<LaneHandle> {
        self.lanes().insert(partition, lane)
    }

    /// The lanes of these partitions.
    pub(crate) fn select(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, LaneHandle)> {
        let lanes = self.lanes();
        partitions.iter().filter_map(|key| Some((key.clone(), lanes.get(key)?.clone()))).collect()
    }

    /// All lanes.
    pub(crate) fn all(&self) -> Vec<(TopicPartition, LaneHandle)> {
        self.lanes().iter().map(|(key, lane)| (key.clone(), lane.clone())).collect()
    }

    /// These partitions are no longer ours: nothing of them is committed from now on. A lane that has not come to its end
    /// stays known, so that a later lane of the same partition waits for it.
    pub(crate) fn disown(&self, partitions: &[TopicPartition]) {
        let mut lanes = self.lanes();
        for key in partitions {
            let Some(lane) = lanes.get_mut(key) else { continue };
            lane.owned = false;
            if lane.control.is_finished() {
                lanes.remove(key);
            }
        }
    }

    /// Lets every lane look for records, in case a wake-up was lost.
    pub(crate) fn wake_all(&self) {
        self.lanes().values().for_each(|lane| lane.control.records.notify_one());
    }

    /// Hands what is settled and not committed to `send`, unless there is nothing.
    ///
    /// No partition can be [disowned](Self::disown) meanwhile: a commit that was collected before a revoke and sent after it
    /// could take back what the next owner has committed.
    pub(crate) fn commit_with<T>(&self, send: impl FnOnce(Vec<CommitEntry>) -> T) -> Option<T> {
        let lanes = self.lanes();
        let entries = to_commit(lanes.iter());
        (!entries.is_empty()).then(|| send(entries))
    }

    /// The broker has acknowledged these offsets.
    pub(crate) fn acknowledge(&self, entries: &[CommitEntry]) {
        let lanes = self.lanes();
        for entry in entries {
            // No copy of the name: it is shared.
            if let Some(lane) = lanes.get(&(Arc::clone(&entry.topic), entry.partition)) {
                lane.progress.acknowledge(entry.offset);
                lane.control.acknowledged.notify_one();
            }
        }
    }
}

/// What of these lanes is settled and not committed.
pub(crate) fn to_commit<'l>(
    lanes: impl Iterator<Item = (&'l TopicPartition, &'l LaneHandle)>,
) -> Vec<CommitEntry> {
    lanes
        .filter(|(_, lane)| lane.owned)
        .filter_map(|((topic, partition), lane)| {
            let offset = lane.progress.to_commit()?;
            Some(CommitEntry { topic: Arc::clone(topic), partition: *partition, offset })
        })
        .collect()
}

/// Brings lanes to their end by `plan`, blocking the thread; whether all of them came to it.
pub(crate) fn drain(lanes: &[(TopicPartition, LaneHandle)], plan: DrainPlan) -> bool {
    plan.steps().into_iter().any(|(deadline, then)| {
        lanes.iter().for_each(|(_, lane)| then(&lane.control));
        lanes.iter().all(|(_, lane)| lane.control.wait_until(deadline))
    })
}
