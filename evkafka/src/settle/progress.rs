use std::sync::atomic::{AtomicI64, Ordering};

/// How far a partition has come: shared by the lane that works on it and by the one who commits.
///
/// Offsets are those of the *next* record, as Kafka commits them. They only grow.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What may be committed: all records below are settled (or, pre-commit, about to be handled).
    committable: AtomicI64,
    /// What the broker has acknowledged.
    committed: AtomicI64,
}

/// No offset yet.
const NONE: i64 = -1;

impl Progress {
    pub(crate) fn new() -> Self {
        Self { committable: AtomicI64::new(NONE), committed: AtomicI64::new(NONE) }
    }

    /// All records below `next` may be committed.
    #[inline]
    pub(crate) fn advance(&self, next: i64) {
        self.committable.fetch_max(next, Ordering::Release);
    }

    /// The offset to commit, if there is anything new.
    pub(crate) fn to_commit(&self) -> Option<i64> {
        let committable = self.committable.load(Ordering::Acquire);
        (committable > self.committed.load(Ordering::Acquire)).then_some(committable)
    }

    /// The broker has acknowledged `next`.
    pub(crate) fn acknowledge(&self, next: i64) {
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

    #[test]
    fn there_is_nothing_to_commit_before_the_first_record_and_after_an_acknowledgement() {
        let progress = Progress::new();
        assert_eq!(progress.to_commit(), None);
        progress.advance(0);
        assert_eq!(progress.to_commit(), Some(0));
        progress.advance(7);
        progress.acknowledge(5);
        assert_eq!(progress.to_commit(), Some(7));
        assert!(progress.is_acknowledged(5) && !progress.is_acknowledged(6));
        progress.acknowledge(7);
        assert_eq!(progress.to_commit(), None);
    }

    #[test]
    fn a_late_acknowledgement_takes_nothing_back() {
        let progress = Progress::new();
        progress.advance(9);
        progress.acknowledge(9);
        progress.acknowledge(3);
        progress.advance(4);
        assert_eq!(progress.to_commit(), None);
    }
}
