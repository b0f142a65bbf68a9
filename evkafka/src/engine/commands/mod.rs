//! What is asked of a consumer's partitions from outside: to pause, to resume, to continue elsewhere.

mod filter;
mod pause;
mod seek;
mod snapshot;
#[cfg(all(test, not(evkafka_loom)))]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

pub(crate) use self::{
    filter::PartitionFilter,
    pause::{PauseInForce, PauseOrder, Resumption},
    seek::{Destination, Located, NoOffset},
    snapshot::{Activity, PartitionSnapshot, PartitionVitals, Snapshot},
};
use self::{
    pause::{Kept, Timer},
    seek::{Question, locate},
};
use super::{
    assignment::TopicPartition,
    lane::LaneControl,
    observe::{ConsumerEvent, FailureNote, Observer, Observers, PartitionEvent},
};
use crate::source::Offsets;

/// The commands to a consumer's partitions. A pause outlives the lanes: whoever is assigned the partition next in this process does not
/// read it either.
#[derive(Debug)]
pub(crate) struct Commands {
    consumer: Arc<str>,
    observers: Arc<Observers>,
    /// Where pauses are ended.
    runtime: Option<Handle>,
    commanded: Mutex<Commanded>,
}

#[derive(Debug, Default)]
struct Commanded {
    pauses: Vec<Kept>,
    /// How many pauses there have been.
    count: u64,
    lanes: Vec<Follower>,
    /// How many partitions topics had when the consumer's members looked at their cluster.
    topics: BTreeMap<String, usize>,
}

/// A lane that follows the commands.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// Which of the consumer's members.
    pub(super) instance: u32,
    pub(super) partition: TopicPartition,
    pub(super) control: Weak<LaneControl>,
    pub(super) offsets: Offsets,
}

impl Commands {
    /// Pauses that have a deadline are ended on the runtime that this is called in.
    pub(super) fn new(consumer: Arc<str>, observers: Arc<Observers>) -> Self {
        Self { consumer, observers, runtime: Handle::try_current().ok(), commanded: Mutex::default() }
    }

    /// A lane begins, which follows the commands from now on.
    pub(super) fn admit(&self, follower: Follower) {
        let Some(lane) = follower.control.upgrade() else { return };
        let mut commanded = self.commanded();
        commanded.lanes.retain(|lane| lane.control.strong_count() > 0);
        if let Some(pause) = commanded.pause_of(&follower.partition)
            && lane.pause()
        {
            lane.tell(&PartitionEvent::AssignedPaused { reason: &pause.reason });
        }
        commanded.lanes.push(follower);
    }

    /// The cluster has these topics, with so many partitions each.
    pub(super) fn know(&self, topics: Vec<(String, usize)>) {
        self.commanded().topics.extend(topics);
    }

    /// How many partitions the topic has, or has at least; `None` if the topic is not known.
    pub(crate) fn partitions_of(&self, topic: &str) -> Option<usize> {
        let commanded = self.commanded();
        let assigned = commanded.lanes.iter().filter(|lane| *lane.partition.0 == *topic);
        let seen =
            assigned.filter_map(|lane| usize::try_from(lane.partition.1).ok()).max().map(|last| last + 1);
        commanded.topics.get(topic).copied().max(seen)
    }

    /// The topics that are known.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.commanded().topics.keys().cloned().collect()
    }

    /// Takes no more records of these partitions, until they are resumed or the pause has lasted as long as it may. What is under way
    /// goes on. A pause of the same partitions is replaced. Which of them are assigned now.
    pub(crate) fn pause(
        self: &Arc<Self>,
        filter: PartitionFilter,
        order: &PauseOrder,
    ) -> Vec<TopicPartition> {
        let mut commanded = self.commanded();
        commanded.count += 1;
        let mut kept = Kept::new(commanded.count, filter.clone(), order);
        kept.timer = order.lasts.and_then(|lasts| self.end_after(kept.id, lasts));
        commanded.pauses.retain(|kept| kept.pause.filter != filter);
        commanded.pauses.push(kept);
        let lanes = commanded.lanes_of(&filter);
        lanes.iter().for_each(|(_, lane)| _ = lane.pause());
        drop(commanded);
        let assigned = names(lanes);
        self.tell(&ConsumerEvent::Paused { filter: &filter, order, assigned: &assigned });
        assigned
    }

    fn end_after(self: &Arc<Self>, pause: u64, lasts: Duration) -> Option<Timer> {
        let commands = Arc::downgrade(self);
        let ends = async move {
            tokio::time::sleep(lasts).await;
            if let Some(commands) = commands.upgrade() {
                commands.end(pause);
            }
        };
        self.runtime.as_ref().map(|runtime| Timer(runtime.spawn(ends)))
    }

    /// A pause has lasted as long as it may.
    fn end(&self, pause: u64) {
        let mut commanded = self.commanded();
        let Some(index) = commanded.pauses.iter().position(|kept| kept.id == pause) else { return };
        let ended = commanded.pauses.remove(index).pause;
        let resumed = commanded.resume_lanes(&ended.filter).resumed;
        drop(commanded);
        self.tell(&ConsumerEvent::PauseEnded { pause: &ended, resumed: &resumed });
    }

    /// Ends the pauses that are for none but these partitions. Those that another pause is for too stay paused.
    pub(crate) fn resume(&self, filter: &PartitionFilter) -> Resumption {
        let mut commanded = self.commanded();
        let before = commanded.pauses.len();
        commanded.pauses.retain(|kept| !filter.contains(&kept.pause.filter));
        let ended = before - commanded.pauses.len();
        let resumption = Resumption { ended, ..commanded.resume_lanes(filter) };
        drop(commanded);
        self.tell(&ConsumerEvent::Resumed { filter, resumption: &resumption });
        resumption
    }

    /// Finds out where those of these partitions that are assigned are to continue. They are asked for at once, and the answer waited for
    /// by the future, for `timeout` at most.
    pub(crate) fn locate(
        &self,
        filter: &PartitionFilter,
        to: Destination,
        timeout: Duration,
    ) -> impl Future<Output = Vec<Located>> + use<> {
        locate(self.questions(filter), to, timeout)
    }

    /// One for each member.
    fn questions(&self, filter: &PartitionFilter) -> Vec<Question> {
        let commanded = self.commanded();
        let mut questions: Vec<Question> = Vec::new();
        for (follower, _) in commanded.lanes_of(filter) {
            match questions.iter_mut().find(|question| question.offsets.is_same(&follower.offsets)) {
                Some(question) => question.partitions.push(follower.partition),
                None => {
                    let Follower { partition, offsets, .. } = follower;
                    questions.push(Question { offsets, partitions: vec![partition] });
                }
            }
        }
        questions
    }

    /// Has the lane of a partition continue at the offset `to`; whether there is one.
    pub(crate) fn seek(&self, partition: &TopicPartition, to: i64) -> bool {
        let commanded = self.commanded();
        let only = PartitionFilter::new(Some(Arc::clone(&partition.0)), Some(partition.1));
        commanded.lanes_of(&only).last().inspect(|(_, lane)| lane.seek(to)).is_some()
    }

    /// The lanes that are assigned and not at their end, in the order of their partitions.
    pub(super) fn assigned(&self) -> Vec<(Follower, Arc<LaneControl>)> {
        let mut lanes = self.commanded().lanes_of(&PartitionFilter::new(None, None));
        lanes.sort_by(|(a, _), (b, _)| a.partition.cmp(&b.partition));
        lanes
    }

    /// What there is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let commanded = self.commanded();
        let mut partitions: Vec<_> = commanded
            .lanes
            .iter()
            .filter_map(|follower| {
                let lane = follower.control.upgrade()?;
                let paused = commanded.pause_of(&follower.partition).cloned();
                PartitionSnapshot::of(follower.instance, &follower.partition, &lane, paused)
            })
            .collect();
        partitions.sort_by(|a, b| a.partition.cmp(&b.partition));
        Snapshot { pauses: commanded.pauses.iter().map(|kept| kept.pause.clone()).collect(), partitions }
    }

    /// The consumer's last failures, oldest first.
    pub(crate) fn failures(&self) -> Vec<FailureNote> {
        self.observers.failures()
    }

    /// How the lanes fare, in the order of their partitions.
    pub(crate) fn vitals(&self, now: Instant) -> Vec<PartitionVitals> {
        let mut partitions: Vec<_> = self
            .commanded()
            .lanes
            .iter()
            .filter_map(|follower| Some((follower.partition.clone(), follower.control.upgrade()?)))
            .filter(|(_, lane)| !lane.is_finished())
            .map(|(partition, lane)| {
                let position = lane.progress().position();
                PartitionVitals { partition, position, lane: lane.vitals(now) }
            })
            .collect();
        partitions.sort_by(|a, b| a.partition.cmp(&b.partition));
        partitions
    }

    pub(crate) fn consumer(&self) -> &Arc<str> {
        &self.consumer
    }

    fn tell(&self, event: &ConsumerEvent<'_>) {
        self.observers.consumer(&self.consumer, event);
    }

    fn commanded(&self) -> MutexGuard<'_, Commanded> {
        self.commanded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commanded {
    /// The first of the pauses that are for a partition.
    fn pause_of(&self, partition: &TopicPartition) -> Option<&PauseInForce> {
        self.pauses.iter().map(|kept| &kept.pause).find(|pause| pause.filter.has(partition))
    }

    /// The lanes of these partitions that are not at their end.
    fn lanes_of(&self, filter: &PartitionFilter) -> Vec<(Follower, Arc<LaneControl>)> {
        let lanes = self.lanes.iter().filter(|lane| filter.has(&lane.partition));
        let lanes = lanes.filter_map(|lane| Some((lane.clone(), lane.control.upgrade()?)));
        lanes.filter(|(_, lane)| !lane.is_stopping()).collect()
    }

    fn resume_lanes(&self, filter: &PartitionFilter) -> Resumption {
        let mut resumption = Resumption::default();
        for (Follower { partition, .. }, lane) in self.lanes_of(filter) {
            match self.pause_of(&partition) {
                Some(pause) => resumption.still_paused.push((partition, Arc::clone(&pause.reason))),
                None if lane.resume() => resumption.resumed.push(partition),
                None => {}
            }
        }
        resumption.resumed.sort();
        resumption.still_paused.sort();
        resumption
    }
}

fn names(lanes: Vec<(Follower, Arc<LaneControl>)>) -> Vec<TopicPartition> {
    let mut names: Vec<_> = lanes.into_iter().map(|(follower, _)| follower.partition).collect();
    names.sort();
    names
}
