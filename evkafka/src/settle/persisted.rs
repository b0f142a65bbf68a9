use std::sync::{Arc, PoisonError};

use super::{Commit, MetadataLimit, OffsetTracker, SettledAhead};
use crate::sync::{Mutex, MutexGuard};

/// A tracker that the lane works with and the committer looks into.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedTracker(Arc<Mutex<OffsetTracker>>);

impl SharedTracker {
    pub(crate) fn lock(&self) -> MutexGuard<'_, OffsetTracker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a partition's progress goes into the metadata of its commits.
#[derive(Debug)]
pub(crate) struct Persisted {
    tracker: SharedTracker,
    /// What was settled before; the tracker learns of it only when its records come in.
    before: SettledAhead,
    /// Metadata of somebody else's, which is left as it is.
    foreign: Option<String>,
    limit: Arc<MetadataLimit>,
    /// The offset that the broker has.
    at_broker: Option<i64>,
    /// How many records were settled when the latest of the acknowledged commits was built; none if the broker has something
    /// that is not so.
    committed: Option<u64>,
}

impl Persisted {
    /// `at_broker` is the offset that the broker has.
    pub(crate) fn new(
        tracker: SharedTracker,
        at_broker: Option<i64>,
        before: SettledAhead,
        foreign: Option<String>,
    ) -> Self {
        let committed = at_broker.map(|_| 0);
        Self { tracker, before, foreign, limit: Arc::default(), at_broker, committed }
    }

    /// With what is known of the brokers' limit.
    pub(crate) fn limited_by(mut self, limit: Arc<MetadataLimit>) -> Self {
        self.limit = limit;
        self
    }

    /// The brokers refuse this commit because of its metadata. The new limit, if it was lowered for that.
    pub(super) fn shorten(&self, commit: &Commit) -> Option<usize> {
        (!commit.metadata.is_empty()).then(|| self.limit.lower(commit.metadata.len()))?
    }

    /// Somebody else's metadata, as far as the brokers take it.
    fn foreign(&self) -> Option<String> {
        let is_short = |foreign: &&String| foreign.len() <= self.limit.bytes();
        self.foreign.as_ref().map(|foreign| Some(foreign).filter(is_short).cloned().unwrap_or_default())
    }

    /// The first record is at `from`, or will be at no less. That is to be committed if the broker has another offset.
    pub(super) fn begin(&mut self, from: i64) {
        self.tracker.lock().begin_at(from);
        if self.at_broker != Some(from) {
            self.committed = None;
        }
    }

    /// What to commit, if more is settled than the broker has acknowledged.
    pub(super) fn to_commit(&self) -> Option<Commit> {
        let tracker = self.tracker.lock();
        let settled = tracker.settled();
        if self.committed.is_some_and(|committed| settled <= committed) {
            return None;
        }
        let (offset, end) = (tracker.position()?, tracker.end()?);
        let metadata = self.foreign().unwrap_or_else(|| {
            tracker.settled_ahead().followed_by(&self.before, end).encode(offset, self.limit.bytes())
        });
        Some(Commit::with_metadata(offset, metadata, settled))
    }

    /// The broker has taken `commit`.
    pub(super) fn acknowledge(&mut self, commit: &Commit) {
        self.committed = self.committed.max(Some(commit.settled));
        self.at_broker = Some(commit.offset);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::record::Written;
    use crate::settle::Found;

    #[test]
    fn what_is_settled_ahead_is_committed_though_the_offset_stays() {
        let tracker = SharedTracker::default();
        let mut persisted = Persisted::new(tracker.clone(), Some(7), SettledAhead::default(), None);
        assert_eq!(persisted.to_commit(), None);
        (7..10).for_each(|offset| tracker.lock().begin(offset, Written::UNKNOWN));
        assert_eq!(persisted.to_commit(), None, "nothing is settled");
        tracker.lock().settle(8);
        let commit = persisted.to_commit().unwrap();
        assert_eq!(commit.offset, 7);
        let ahead = SettledAhead::new(vec![Range { start: 8, end: 9 }]);
        assert_eq!(SettledAhead::decode(7, &commit.metadata), Found::Progress(ahead));
        assert_eq!(persisted.to_commit().as_ref(), Some(&commit), "it was not acknowledged");
        persisted.acknowledge(&commit);
        assert_eq!(persisted.to_commit(), None);
        tracker.lock().settle(7);
        assert_eq!(persisted.to_commit(), Some(Commit::with_metadata(9, String::new(), 2)));
    }

    #[test]
    fn what_was_settled_before_is_not_forgotten_until_its_records_come_in() {
        let tracker = SharedTracker::default();
        let before = SettledAhead::new(vec![Range { start: 2, end: 4 }, Range { start: 8, end: 9 }]);
        let persisted = Persisted::new(tracker.clone(), Some(7), before, None);
        (0..3).for_each(|offset| tracker.lock().begin(offset, Written::UNKNOWN));
        // Of the three, only the one that was settled before is: 3 and 8 have not come in.
        tracker.lock().settle(2);
        let ahead = SettledAhead::new(vec![Range { start: 2, end: 4 }, Range { start: 8, end: 9 }]);
        let commit = persisted.to_commit().unwrap();
        assert_eq!(SettledAhead::decode(0, &commit.metadata), Found::Progress(ahead));
    }

    #[test]
    fn where_records_begin_is_committed_if_nothing_was() {
        let tracker = SharedTracker::default();
        let mut persisted = Persisted::new(tracker.clone(), None, SettledAhead::default(), None);
        assert_eq!(persisted.to_commit(), None, "it is not known yet");
        tracker.lock().begin(7, Written::UNKNOWN);
        let commit = persisted.to_commit().unwrap();
        assert_eq!(commit, Commit::with_metadata(7, String::new(), 0));
        persisted.acknowledge(&commit);
        assert_eq!(persisted.to_commit(), None);
        tracker.lock().settle(7);
        assert_eq!(persisted.to_commit(), Some(Commit::with_metadata(8, String::new(), 1)));
    }

    /// What was committed may be deleted by now; the next owner would begin wherever its settings say.
    #[test]
    fn where_records_begin_is_committed_if_something_else_was() {
        let tracker = SharedTracker::default();
        let mut persisted = Persisted::new(tracker.clone(), Some(3), SettledAhead::default(), None);
        assert_eq!(persisted.to_commit(), None);
        persisted.begin(7);
        let commit = persisted.to_commit().unwrap();
        assert_eq!(commit, Commit::with_metadata(7, String::new(), 0));
        persisted.acknowledge(&commit);
        assert_eq!(persisted.to_commit(), None);
        persisted.begin(7);
        assert_eq!(persisted.to_commit(), None, "the broker has it");
    }

    #[test]
    fn metadata_that_the_brokers_refuse_becomes_shorter_until_they_take_it() {
        for foreign in [None, Some("x".repeat(100))] {
            let (tracker, limit) = (SharedTracker::default(), Arc::new(MetadataLimit::default()));
            let persisted = Persisted::new(tracker.clone(), Some(7), SettledAhead::default(), foreign)
                .limited_by(Arc::clone(&limit));
            (0..100).for_each(|offset| tracker.lock().begin(offset, Written::UNKNOWN));
            (0..100).step_by(2).skip(1).for_each(|offset| _ = tracker.lock().settle(offset));
            let mut commit = persisted.to_commit().unwrap();
            assert!(!commit.metadata.is_empty());
            for _ in 0..10 {
                let before = commit.metadata.len();
                persisted.shorten(&commit);
                commit = persisted.to_commit().expect("what is settled is still to be committed");
                assert!(commit.metadata.len() < before.max(1), "{} of {before}", commit.metadata.len());
            }
            assert_eq!((commit.offset, commit.metadata.as_str()), (0, ""));
        }
    }

    #[test]
    fn metadata_of_others_stays() {
        let tracker = SharedTracker::default();
        let persisted =
            Persisted::new(tracker.clone(), Some(7), SettledAhead::default(), Some("theirs".to_owned()));
        (0..2).for_each(|offset| tracker.lock().begin(offset, Written::UNKNOWN));
        tracker.lock().settle(1);
        assert_eq!(persisted.to_commit(), Some(Commit::with_metadata(0, "theirs".to_owned(), 1)));
    }
}
