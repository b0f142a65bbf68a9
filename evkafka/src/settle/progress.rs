use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use super::Persisted;

/// What to commit of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// That of the next record.
    pub(crate) offset: i64,
    /// Empty if there is nothing to say.
    pub(crate) metadata: String,
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
    /// Whether a commit is on its way whose answer is not known yet.
    in_flight: Mutex<bool>,
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
            in_flight: Mutex::new(false),
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
    pub(crate) fn to_commit(&self) -> Option<Commit> {
        if let Some(persisted) = self.persisted.get() {
            return persisted.to_commit();
        }
        let committable = self.committable.load(Ordering::Acquire);
        let is_new = committable > self.committed.load(Ordering::Acquire);
        is_new.then(|| Commit { offset: committable, metadata: String::new() })
    }

    /// A commit of what is new is about to be sent, if there is one. [`end_commit`](Self::end_commit) follows.
    pub(crate) fn begin_commit(&self) -> Option<Commit> {
        let mut in_flight = self.in_flight();
        let commit = self.to_commit();
        *in_flight |= commit.is_some();
        commit
    }

    /// The commit was answered, or will not be: the offset, if the broker has taken it.
    pub(crate) fn end_commit(&self, accepted: Option<i64>) {
        let mut in_flight = self.in_flight();
        if let Some(next) = accepted {
            self.acknowledge(next);
        }
        *in_flight = false;
    }

    /// Takes back what has not been acknowledged, so that it is not committed; whether that was possible. It is not while a
    /// commit is on its way.
    pub(crate) fn retract(&self) -> bool {
        let in_flight = self.in_flight();
        if !*in_flight {
            self.forget_unacknowledged();
        }
        !*in_flight
    }

    /// Nothing that has not been acknowledged will be committed by anybody, whatever comes of a commit that is on its way.
    pub(crate) fn abandon(&self) {
        let _in_flight = self.in_flight();
        self.forget_unacknowledged();
    }

    fn forget_unacknowledged(&self) {
        self.committable.store(self.committed.load(Ordering::Acquire), Ordering::Release);
    }

    fn in_flight(&self) -> MutexGuard<'_, bool> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker has acknowledged `next`.
    pub(crate) fn acknowledge(&self, next: i64) {
        if let Some(persisted) = self.persisted.get() {
            persisted.acknowledge();
        }
        self.committed.fetch_max(next, Ordering::AcqRel);
    }

    /// Whether the broker has acknowledged `next`.
    pub(crate) fn is_acknowledged(&self, next: i64) -> bool {
        self.committed.load(Ordering::Acquire) >= next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        progress.acknowledge(5);
        assert_eq!(to_commit(&progress), Some(7));
        assert!(progress.is_acknowledged(5) && !progress.is_acknowledged(6));
        progress.acknowledge(7);
        assert_eq!(to_commit(&progress), None);
    }

    #[test]
    fn what_is_not_on_its_way_can_be_taken_back_and_what_is_cannot() {
        let progress = Progress::new();
        progress.advance(5);
        assert!(progress.retract());
        assert_eq!(to_commit(&progress), None);
        progress.advance(5);
        assert_eq!(progress.begin_commit().map(|commit| commit.offset), Some(5));
        assert!(!progress.retract());
        progress.end_commit(None);
        assert!(progress.retract(), "it was refused");
        assert_eq!(progress.begin_commit().map(|commit| commit.offset), None);
        progress.advance(5);
        assert_eq!(progress.begin_commit().map(|commit| commit.offset), Some(5));
        progress.end_commit(Some(5));
        assert!(progress.is_acknowledged(5));
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

    #[test]
    fn a_late_acknowledgement_takes_nothing_back() {
        let progress = Progress::new();
        progress.advance(9);
        progress.acknowledge(9);
        progress.acknowledge(3);
        progress.advance(4);
        assert_eq!(to_commit(&progress), None);
    }
}
