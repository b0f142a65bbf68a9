use std::sync::{OnceLock, PoisonError, atomic::Ordering};

use super::Persisted;
use crate::sync::{AtomicBool, AtomicI64, Mutex, MutexGuard};

/// What to commit of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// That of the next record.
    pub(crate) offset: i64,
    /// ASCII without NUL; empty if there is nothing to say.
    pub(crate) metadata: String,
    /// If progress is persisted, how many records were settled when this was put together: an acknowledgement of it says
    /// nothing of those that came later.
    pub(super) settled: u64,
}

impl Commit {
    /// A commit that says no more than its offset.
    pub(crate) fn of(offset: i64) -> Self {
        Self { offset, metadata: String::new(), settled: 0 }
    }
}

/// How far a partition has come: shared by the lane that works on it and by the one who commits.
///
/// Offsets are those of the *next* record, as Kafka commits them. They only grow.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What may be committed: all records below are settled (or, pre-commit, about to be handled).
    committable: AtomicI64,
    /// What the broker has acknowledged.
    committed: AtomicI64,
    /// How many commits are on their way whose answers are not known yet.
    in_flight: Mutex<u32>,
    /// Whether the broker may have taken a commit that it has not acknowledged, since the last that it has.
    unclear: AtomicBool,
    /// There if the commits carry what is settled above their offset.
    persisted: OnceLock<Persisted>,
}

/// No offset yet.
const NONE: i64 = -1;

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            committable: AtomicI64::new(NONE),
            committed: AtomicI64::new(NONE),
            in_flight: Mutex::new(0),
            unclear: AtomicBool::new(false),
            persisted: OnceLock::new(),
        }
    }

    /// All records below `next` may be committed.
    #[inline]
    pub(crate) fn advance(&self, next: i64) {
        self.committable.fetch_max(next, Ordering::Release);
    }

    /// From now on what is committed is what `persisted` says.
    pub(crate) fn persist(&self, persisted: Persisted) {
        let _ = self.persisted.set(persisted);
    }

    /// What to commit, if there is anything new.
    fn to_commit(&self) -> Option<Commit> {
        if let Some(persisted) = self.persisted.get() {
            return persisted.to_commit();
        }
        let committable = self.committable.load(Ordering::Acquire);
        let is_new = committable > self.committed.load(Ordering::Acquire);
        is_new.then(|| Commit::of(committable))
    }

    /// A commit of what is new is about to be sent, if there is one. [`end_commit`](Self::end_commit) follows.
    pub(crate) fn begin_commit(&self) -> Option<Commit> {
        let mut in_flight = self.in_flight();
        let commit = self.to_commit();
        *in_flight += u32::from(commit.is_some());
        commit
    }

    /// A commit was answered, or will not be: the commit, if the broker has taken it.
    pub(crate) fn end_commit(&self, accepted: Option<&Commit>) {
        let mut in_flight = self.in_flight();
        if let Some(commit) = accepted {
            self.acknowledge(commit);
        }
        *in_flight = in_flight.saturating_sub(1);
    }

    /// It is not known what became of a commit that is on its way. [`end_commit`](Self::end_commit) follows.
    pub(crate) fn lose_track(&self) {
        self.unclear.store(true, Ordering::Release);
    }

    /// Whether what was [taken back](Self::retract) may be committed all the same.
    pub(crate) fn is_unclear(&self) -> bool {
        self.unclear.load(Ordering::Acquire)
    }

    /// Takes back what has not been acknowledged, so that it is not committed; whether `next` was taken back. It is not while a
    /// commit is on its way, and not once it is acknowledged.
    pub(crate) fn retract(&self, next: i64) -> bool {
        let in_flight = self.in_flight();
        let is_possible = *in_flight == 0 && !self.is_acknowledged(next);
        if is_possible {
            self.forget_unacknowledged();
        }
        is_possible
    }

    /// Nothing that has not been acknowledged will be committed by anybody, whatever comes of a commit that is on its way.
    pub(crate) fn abandon(&self) {
        let _in_flight = self.in_flight();
        self.forget_unacknowledged();
    }

    fn forget_unacknowledged(&self) {
        self.committable.store(self.committed.load(Ordering::Acquire), Ordering::Release);
    }

    fn in_flight(&self) -> MutexGuard<'_, u32> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker has taken `commit`.
    fn acknowledge(&self, commit: &Commit) {
        if let Some(persisted) = self.persisted.get() {
            persisted.acknowledge(commit);
        }
        self.committed.fetch_max(commit.offset, Ordering::AcqRel);
        self.unclear.store(false, Ordering::Release);
    }

    /// Whether the broker has acknowledged `next`.
    pub(crate) fn is_acknowledged(&self, next: i64) -> bool {
        self.committed.load(Ordering::Acquire) >= next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settle::{SettledAhead, SharedTracker};

    fn to_commit(progress: &Progress) -> Option<i64> {
        progress.to_commit().map(|commit| commit.offset)
    }

    #[test]
    fn there_is_nothing_to_commit_before_the_first_record_and_after_an_acknowledgement() {
        let progress = Progress::new();
        assert_eq!(to_commit(&progress), None);
        progress.advance(0);
        assert_eq!(to_commit(&progress), Some(0));
        progress.advance(7);
        progress.acknowledge(&Commit::of(5));
        assert_eq!(to_commit(&progress), Some(7));
        assert!(progress.is_acknowledged(5) && !progress.is_acknowledged(6));
        progress.acknowledge(&Commit::of(7));
        assert_eq!(to_commit(&progress), None);
    }

    #[test]
    fn what_is_not_on_its_way_can_be_taken_back_and_what_is_cannot() {
        let progress = Progress::new();
        progress.advance(5);
        assert!(progress.retract(5));
        assert_eq!(to_commit(&progress), None);
        progress.advance(5);
        assert_eq!(progress.begin_commit().map(|commit| commit.offset), Some(5));
        assert!(!progress.retract(5));
        progress.end_commit(None);
        assert!(progress.retract(5), "it was refused");
        assert_eq!(progress.begin_commit().map(|commit| commit.offset), None);
        progress.advance(5);
        assert_eq!(progress.begin_commit().map(|commit| commit.offset), Some(5));
        progress.end_commit(Some(&Commit::of(5)));
        assert!(progress.is_acknowledged(5));
    }

    #[test]
    fn what_may_be_committed_all_the_same_is_known_to_be_unclear_until_the_next_acknowledgement() {
        let progress = Progress::new();
        progress.advance(5);
        assert!(progress.begin_commit().is_some());
        progress.lose_track();
        progress.end_commit(None);
        assert!(progress.retract(5) && progress.is_unclear());
        progress.advance(6);
        let commit = progress.begin_commit();
        progress.end_commit(commit.as_ref());
        assert!(!progress.is_unclear());
    }

    #[test]
    fn nothing_is_taken_back_while_one_of_two_commits_is_on_its_way() {
        let progress = Progress::new();
        progress.advance(5);
        assert!(progress.begin_commit().is_some() && progress.begin_commit().is_some());
        progress.end_commit(None);
        assert!(!progress.retract(5));
        progress.end_commit(None);
        assert!(progress.retract(5));
    }

    /// The answer may come between the lane's look at it and its wish to take the records back.
    #[test]
    fn what_was_acknowledged_is_not_taken_back() {
        let progress = Progress::new();
        progress.advance(5);
        let commit = progress.begin_commit();
        progress.end_commit(commit.as_ref());
        assert!(!progress.retract(5), "it is committed, and nobody else is going to handle it");
    }

    #[test]
    fn what_is_abandoned_is_not_committed_again() {
        let progress = Progress::new();
        progress.advance(5);
        assert_eq!(progress.begin_commit().map(|commit| commit.offset), Some(5));
        progress.abandon();
        progress.end_commit(None);
        assert_eq!(to_commit(&progress), None);
    }

    /// A commit at a revoke, or at the end, is built while an earlier one may still be without an answer.
    #[test]
    fn an_acknowledgement_covers_what_was_sent_with_it_and_nothing_later() {
        let (progress, tracker) = (Progress::new(), SharedTracker::default());
        progress.persist(Persisted::new(tracker.clone(), SettledAhead::default(), None));
        let tickets: Vec<_> = (0..3).map(|offset| tracker.lock().begin(offset)).collect();
        tracker.lock().settle(tickets[1]);
        let first = progress.begin_commit().unwrap();
        tracker.lock().settle(tickets[2]);
        assert!(progress.begin_commit().is_some());
        progress.end_commit(Some(&first));
        progress.end_commit(None);
        assert!(progress.to_commit().is_some(), "nobody has acknowledged that the last record is settled");
    }

    #[test]
    fn a_late_acknowledgement_takes_nothing_back() {
        let progress = Progress::new();
        progress.advance(9);
        progress.acknowledge(&Commit::of(9));
        progress.acknowledge(&Commit::of(3));
        progress.advance(4);
        assert_eq!(to_commit(&progress), None);
    }
}
