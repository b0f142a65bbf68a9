use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::time::Instant;

use super::{lane::LaneControl, numbers::Moment, observe::PartitionEvent};
use crate::{
    client::{CommitAnswer, Fault},
    native::{CommitEntry, CommitReply},
    settle::Progress,
    sync::{AtomicI64, Mutex, MutexGuard},
};

/// A topic's partition.
pub(crate) type TopicPartition = (Arc<str>, i32);

/// The lanes of one member: what it is assigned.
#[derive(Debug, Default)]
pub(crate) struct Assignment {
    lanes: Mutex<HashMap<TopicPartition, LaneHandle>>,
    /// Lanes whose partition has another one by now, as far as they have not finished.
    former: Mutex<Vec<Arc<LaneControl>>>,
    /// How often the member has joined its group as a new one.
    membership: AtomicI64,
    /// The broker does not know the memberships below this any more: what the lanes stand for belongs to others, and nothing of it
    /// is committed before the next membership.
    evicted_until: AtomicI64,
    times_assigned: AtomicU64,
    times_accepted: AtomicU64,
}

/// A commit that was sent.
pub(crate) struct Sent {
    entries: Vec<CommitEntry>,
    /// One for each entry.
    stretches: Vec<Stretch>,
    /// The membership that it was sent in.
    pub(super) membership: i64,
    /// If anybody wants to know.
    sent_at: Option<Instant>,
    /// By the clock of the consumer's numbers.
    sent: Option<Moment>,
    pub(crate) result: Result<(), RDKafkaErrorCode>,
}

/// What a commit of a partition is of.
struct Stretch {
    control: Arc<LaneControl>,
    progress: Arc<Progress>,
}

/// A lane as the others see it.
#[derive(Clone, Debug)]
pub(crate) struct LaneHandle {
    pub(crate) control: Arc<LaneControl>,
    /// Whether the partition is assigned to us.
    pub(crate) owned: bool,
}

impl Assignment {
    fn lanes(&self) -> MutexGuard<'_, HashMap<TopicPartition, LaneHandle>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a lane. A former one of the same partition that has not finished stays known, so that a drain of all waits for it.
    pub(crate) fn insert(&self, partition: TopicPartition, lane: LaneHandle) {
        self.times_assigned.fetch_add(1, Ordering::Relaxed);
        let former = self.lanes().insert(partition, lane);
        self.former().extend(former.map(|former| former.control));
    }

    fn former(&self) -> MutexGuard<'_, Vec<Arc<LaneControl>>> {
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.retain(|lane| !lane.is_finished());
        former
    }

    /// All lanes, and the former ones that have not finished.
    pub(crate) fn controls(&self) -> Vec<Arc<LaneControl>> {
        let lanes: Vec<_> = self.lanes().values().map(|lane| Arc::clone(&lane.control)).collect();
        self.former().iter().cloned().chain(lanes).collect()
    }

    /// How many lanes have been added.
    pub(crate) fn times_assigned(&self) -> u64 {
        self.times_assigned.load(Ordering::Relaxed)
    }

    /// The brokers have accepted a commit.
    pub(crate) fn accepted(&self) {
        self.times_accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// How often brokers have done what was asked of them, as far as is known here.
    pub(crate) fn successes(&self) -> u64 {
        self.times_assigned() + self.times_accepted.load(Ordering::Relaxed)
    }

    /// Whether nothing is assigned.
    pub(crate) fn is_empty(&self) -> bool {
        self.owned() == 0
    }

    /// How many partitions are assigned.
    pub(crate) fn owned(&self) -> usize {
        self.lanes().values().filter(|lane| lane.owned).count()
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

    /// Whether something of `which` partitions that are ours is settled and not committed.
    pub(crate) fn has_uncommitted(&self, which: impl Fn(&TopicPartition) -> bool) -> bool {
        let lanes = self.lanes();
        lanes.iter().any(|(key, lane)| lane.owned && which(key) && lane.control.progress().has_uncommitted())
    }

    /// These partitions are no longer ours: nothing of them is committed from now on. A lane that has not finished
    /// stays known, so that a drain waits for it.
    pub(crate) fn disown(&self, partitions: &[TopicPartition]) {
        disown(&mut self.lanes(), partitions);
    }

    /// The same for partitions that belong to others already. With the last of them the membership is over.
    pub(super) fn lose(&self, partitions: &[TopicPartition]) {
        let mut lanes = self.lanes();
        disown(&mut lanes, partitions);
        if !lanes.values().any(|lane| lane.owned) {
            self.readmit();
        }
    }

    /// Like [`disown`](Self::disown), after what is settled of them and not committed was handed to `send`, as by [`commit_with`](Self::commit_with).
    ///
    /// All in one: a commit of the same partitions that came in between could be overtaken by this one, and taken back.
    pub(crate) fn disown_with(
        &self,
        partitions: &[TopicPartition],
        send: impl FnOnce(&[CommitEntry]) -> Result<(), RDKafkaErrorCode>,
    ) -> Option<Sent> {
        let mut lanes = self.lanes();
        let revoked = partitions.iter().filter_map(|key| lanes.get_key_value(key));
        let membership = self.membership.load(Ordering::Acquire);
        let sent = if self.is_evicted() { None } else { send_uncommitted(revoked, membership, send) };
        disown(&mut lanes, partitions);
        sent
    }

    /// Takes the time of every lane, so that others see since when one stands still.
    pub(crate) fn look_at_all(&self, now: std::time::Instant) {
        self.lanes().values().for_each(|lane| _ = lane.control.vitals(now));
    }

    /// Lets every lane look for records, in case a wake-up was lost.
    pub(crate) fn wake_all(&self) {
        self.lanes().values().for_each(|lane| lane.control.look.notify_one());
    }

    /// The broker has said, of a commit that was sent in this membership, that it does not know the member.
    pub(crate) fn evict(&self, membership: i64) {
        self.evicted_until.fetch_max(membership + 1, Ordering::AcqRel);
    }

    /// What was assigned belongs to others, and a new membership begins. What the broker says of the one before does not concern it.
    pub(crate) fn readmit(&self) {
        self.membership.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn is_evicted(&self) -> bool {
        self.membership.load(Ordering::Acquire) < self.evicted_until.load(Ordering::Acquire)
    }

    /// Hands what is settled of `which` partitions and not committed to `send`, unless there is nothing. [`Sent::answered`]
    /// follows.
    ///
    /// No partition can be [disowned](Self::disown) meanwhile: a commit that was collected before a revoke and sent after it
    /// could take back what the next owner has committed.
    pub(crate) fn commit_with(
        &self,
        which: impl Fn(&TopicPartition) -> bool,
        send: impl FnOnce(&[CommitEntry]) -> Result<(), RDKafkaErrorCode>,
    ) -> Option<Sent> {
        let lanes = self.lanes();
        let membership = self.membership.load(Ordering::Acquire);
        if self.is_evicted() {
            return None;
        }
        send_uncommitted(lanes.iter().filter(|(key, _)| which(key)), membership, send)
    }
}

fn disown(lanes: &mut HashMap<TopicPartition, LaneHandle>, partitions: &[TopicPartition]) {
    for key in partitions {
        let Some(lane) = lanes.get_mut(key) else { continue };
        lane.owned = false;
        if lane.control.is_finished() {
            lanes.remove(key);
        }
    }
}

/// Hands to `send` what is settled and not committed of those of these lanes that are ours.
fn send_uncommitted<'l>(
    lanes: impl Iterator<Item = (&'l TopicPartition, &'l LaneHandle)>,
    membership: i64,
    send: impl FnOnce(&[CommitEntry]) -> Result<(), RDKafkaErrorCode>,
) -> Option<Sent> {
    let (entries, stretches): (Vec<_>, Vec<Stretch>) = lanes
        .filter(|(_, lane)| lane.owned)
        .filter_map(|((topic, partition), lane)| {
            let progress = lane.control.progress();
            let commit = progress.begin_commit()?;
            let entry = CommitEntry { topic: Arc::clone(topic), partition: *partition, commit };
            Some((entry, Stretch { control: Arc::clone(&lane.control), progress }))
        })
        .unzip();
    if entries.is_empty() {
        return None;
    }
    let sent_at = stretches.first().and_then(|stretch| stretch.control.now());
    let sent = stretches.first().and_then(|stretch| Some(stretch.control.numbers()?.clock().now()));
    let result = send(&entries);
    Some(Sent { entries, stretches, membership, sent_at, sent, result })
}

impl Sent {
    /// The topics of its entries, each once.
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        let mut topics: Vec<_> = self.entries.iter().map(|entry| Arc::clone(&entry.topic)).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// The commit was answered, or will not be.
    ///
    /// It is the stretches of then that learn it, not those that the partitions may have by now.
    pub(crate) fn answered(&self, reply: &CommitReply) {
        let answer = reply.result.err().map(|code| Fault::of(code).for_commit());
        self.count(reply);
        if answer == Some(CommitAnswer::Shorter) {
            self.shorten_metadata();
        }
        let unclear = answer.is_some_and(|answer| answer.is_unclear(self.entries.len()));
        for (entry, Stretch { control, progress }) in self.entries.iter().zip(&self.stretches) {
            if unclear && !reply.accepts(entry) {
                progress.lose_track();
            }
            let accepted = reply.accepts(entry).then_some(&entry.commit);
            progress.end_commit(accepted);
            if let Some(commit) = accepted {
                let after = self.sent_at.map(|at| at.elapsed());
                control.tell(&PartitionEvent::Committed { offset: commit.offset, after });
            }
            control.acknowledged.notify_one();
        }
    }
}

impl Sent {
    fn count(&self, reply: &CommitReply) {
        let numbers = self.stretches.first().and_then(|stretch| stretch.control.numbers());
        if let Some((numbers, sent)) = numbers.zip(self.sent) {
            numbers.committed(sent, reply.first_error().is_ok());
        }
    }

    /// The brokers take less metadata than there was in the commit. They do not say of which entry: the longest is one of them.
    fn shorten_metadata(&self) {
        let entries = self.entries.iter().zip(&self.stretches);
        let longest = entries.max_by_key(|(entry, _)| entry.commit.metadata.len());
        let Some((CommitEntry { commit, .. }, stretch)) = longest else { return };
        if let Some(limit) = stretch.progress.shorten_metadata(commit) {
            let (offset, bytes) = (commit.offset, commit.metadata.len());
            stretch.control.tell(&PartitionEvent::MetadataShortened { offset, bytes, limit });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assign(assignment: &Assignment, partition: i32) -> TopicPartition {
        let key: TopicPartition = ("orders".into(), partition);
        let control = Arc::new(LaneControl::default());
        control.progress().advance(5);
        assignment.insert(key.clone(), LaneHandle { control, owned: true });
        key
    }

    fn send(assignment: &Assignment) -> Sent {
        assignment.commit_with(|_| true, |_| Ok(())).expect("there is something to commit")
    }

    #[test]
    fn an_eviction_that_is_answered_late_does_not_evict_the_membership_that_followed() {
        let assignment = Assignment::default();
        let key = assign(&assignment, 0);
        let (first, second) = (send(&assignment), {
            assign(&assignment, 0);
            send(&assignment)
        });
        assignment.evict(first.membership);
        assert!(assignment.is_evicted());
        assert!(assignment.commit_with(|_| true, |_| panic!("nothing is committed")).is_none());
        assignment.disown(&[key]);
        assignment.readmit();
        assign(&assignment, 0);
        assignment.evict(second.membership);
        assert!(!assignment.is_evicted(), "that was the membership before");
        assignment.evict(send(&assignment).membership);
        assert!(assignment.is_evicted());
    }

    #[test]
    fn the_membership_is_over_with_the_last_partition_that_is_lost() {
        let assignment = Assignment::default();
        let (one, two) = (assign(&assignment, 0), assign(&assignment, 1));
        let sent = send(&assignment);
        assignment.evict(sent.membership);
        assignment.lose(&[one]);
        assert!(assignment.is_evicted(), "what is left would be committed for somebody else");
        assignment.lose(&[two]);
        assert!(!assignment.is_evicted());
        assignment.evict(sent.membership);
        assert!(!assignment.is_evicted(), "the client has joined again by itself meanwhile");
    }
}
