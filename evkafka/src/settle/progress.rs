use std::sync::{PoisonError, atomic::Ordering};

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
        Self::with_metadata(offset, String::new(), 0)
    }

    pub(super) fn with_metadata(offset: i64, metadata: String, settled: u64) -> Self {
        Self { offset, metadata, settled }
    }
}

/// How far one stretch of a partition has come, in which offsets only grow: shared by the lane that works on it and by the one who
/// commits.
///
/// Offsets are those of the *next* record, as Kafka commits them.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What may be committed: all records below are settled (or, pre-commit, about to be handled).
    committable: AtomicI64,
    /// What the broker has acknowledged.
    committed: AtomicI64,
    commits: Mutex<Commits>,
    /// Whether the broker may have taken a commit that it has not acknowledged, since the last that it has.
    unclear: AtomicBool,
}

/// What one thread at a time does with commits.
#[derive(Debug)]
struct Commits {
    /// How many are on their way whose answers are not known yet.
    in_flight: u32,
    /// There if they carry what is settled above their offset.
    persisted: Option<Persisted>,
    /// Where the stretch begins: that much is to be committed whatever comes of its records.
    start: i64,
}

/// No offset yet.
const NONE: i64 = -1;

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            committable: AtomicI64::new(NONE),
            committed: AtomicI64::new(NONE),
            commits: Mutex::new(Commits { in_flight: 0, persisted: None, start: NONE }),
            unclear: AtomicBool::new(false),
        }
    }

    /// The broker has `committed`, from which the partition is read on.
    pub(crate) fn resume(&self, committed: i64) {
        self.committed.store(committed, Ordering::Release);
        self.advance(committed);
    }

    /// The first record is at `from`, or will be at no less. That is committed, unless the broker has it: whatever else it
    /// has is of no use to the next owner.
    pub(crate) fn begin(&self, from: i64) {
        let mut commits = self.commits();
        commits.start = from;
        if let Some(persisted) = &mut commits.persisted {
            persisted.begin(from);
        }
        self.advance(from);
    }

    /// All records below `next` may be committed.
    #[inline]
    pub(crate) fn advance(&self, next: i64) {
        self.committable.fetch_max(next, Ordering::Release);
    }

    /// From now on what is committed is what `persisted` says.
    pub(crate) fn persist(&self, persisted: Persisted) {
        self.commits().persisted = Some(persisted);
    }

    /// A commit of what is new is about to be sent, if there is one. [`end_commit`](Self::end_commit) follows.
    pub(crate) fn begin_commit(&self) -> Option<Commit> {
        let mut commits = self.commits();
        let commit = self.to_commit(&commits)?;
        commits.in_flight += 1;
        Some(commit)
    }

    fn to_commit(&self, commits: &Commits) -> Option<Commit> {
        match &commits.persisted {
            Some(persisted) => persisted.to_commit(),
            None => {
                let committable = self.committable.load(Ordering::Acquire);
                (!self.is_acknowledged(committable)).then(|| Commit::of(committable))
            }
        }
    }

    /// Whether there is something that the broker has not acknowledged.
    pub(crate) fn has_uncommitted(&self) -> bool {
        self.to_commit(&self.commits()).is_some()
    }

    /// A commit was answered, or will not be: the commit, if the broker has taken it.
    pub(crate) fn end_commit(&self, accepted: Option<&Commit>) {
        let mut commits = self.commits();
        if let Some(commit) = accepted {
            if let Some(persisted) = &mut commits.persisted {
                persisted.acknowledge(commit);
            }
            self.committed.fetch_max(commit.offset, Ordering::AcqRel);
            self.unclear.store(false, Ordering::Release);
        }
        commits.in_flight = commits.in_flight.saturating_sub(1);
    }

    /// The brokers refuse a commit because of its metadata: the next has less. The new limit, if it was lowered for that.
    /// [`end_commit`](Self::end_commit) follows.
    pub(crate) fn shorten_metadata(&self, refused: &Commit) -> Option<usize> {
        self.commits().persisted.as_ref()?.shorten(refused)
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
        let commits = self.commits();
        let is_possible = commits.in_flight == 0 && !self.is_acknowledged(next);
        if is_possible {
            self.forget_unacknowledged(&commits);
        }
        is_possible
    }

    /// Nothing that has not been acknowledged will be committed by anybody, whatever comes of a commit that is on its way.
    pub(crate) fn abandon(&self) {
        self.forget_unacknowledged(&self.commits());
    }

    fn forget_unacknowledged(&self, commits: &Commits) {
        let committed = self.committed.load(Ordering::Acquire);
        self.committable.store(committed.max(commits.start), Ordering::Release);
    }

    fn commits(&self) -> MutexGuard<'_, Commits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Below which all records are settled (or, pre-commit, may begin); `None` before that is known.
    pub(crate) fn position(&self) -> Option<i64> {
        Some(self.committable.load(Ordering::Acquire)).filter(|next| *next != NONE)
    }

    /// What the broker has acknowledged; `None` if nothing.
    pub(crate) fn committed(&self) -> Option<i64> {
        Some(self.committed.load(Ordering::Acquire)).filter(|next| *next != NONE)
    }

    /// Whether the broker has acknowledged `next`.
    pub(crate) fn is_acknowledged(&self, next: i64) -> bool {
        self.committed.load(Ordering::Acquire) >= next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Written;
    use crate::settle::{SettledAhead, SharedTracker};

    /// What would be committed; it is not.
    fn to_commit(progress: &Progress) -> Option<i64> {
        let commit = progress.begin_commit()?;
        progress.end_commit(None);
        Some(commit.offset)
    }

    /// The broker takes a commit of `offset`.
    fn acknowledge(progress: &Progress, offset: i64) {
        let commit = Commit { offset, ..progress.begin_commit().expect("something to commit") };
        progress.end_commit(Some(&commit));
    }

    #[test]
    fn there_is_nothing_to_commit_before_the_first_record_and_after_an_acknowledgement() {
        let progress = Progress::new();
        assert_eq!(to_commit(&progress), None);
        progress.advance(0);
        assert_eq!(to_commit(&progress), Some(0));
        progress.advance(7);
        acknowledge(&progress, 5);
        assert_eq!(to_commit(&progress), Some(7));
        assert!(progress.is_acknowledged(5) && !progress.is_acknowledged(6));
        acknowledge(&progress, 7);
        assert_eq!(to_commit(&progress), None);
    }

    #[test]
    fn where_it_begins_is_committed_whatever_is_taken_back() {
        for take_back in [|progress: &Progress| assert!(progress.retract(9)), Progress::abandon] {
            let progress = Progress::new();
            progress.begin(7);
            assert_eq!(to_commit(&progress), Some(7));
            progress.advance(9);
            take_back(&progress);
            assert_eq!(to_commit(&progress), Some(7));
        }
    }

    #[test]
    fn where_it_begins_is_committed_if_progress_is_persisted_and_something_else_was_committed() {
        for (at_broker, to_be_committed) in [(None, Some(7)), (Some(7), None), (Some(3), Some(7))] {
            let progress = Progress::new();
            let none = SettledAhead::default();
            progress.persist(Persisted::new(SharedTracker::default(), at_broker, none, None));
            progress.begin(7);
            assert_eq!(to_commit(&progress), to_be_committed);
        }
    }

    #[test]
    fn what_the_broker_has_is_not_committed_again_and_taken_back_to_no_less() {
        let progress = Progress::new();
        progress.resume(7);
        assert!(progress.is_acknowledged(7));
        assert_eq!(to_commit(&progress), None);
        progress.advance(9);
        assert!(progress.retract(9));
        assert_eq!(to_commit(&progress), None);
        progress.begin(8);
        assert_eq!(to_commit(&progress), Some(8), "where it was to go on is not there any more");
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
        progress.persist(Persisted::new(tracker.clone(), Some(0), SettledAhead::default(), None));
        (0..3).for_each(|offset| tracker.lock().begin(offset, Written::UNKNOWN));
        tracker.lock().settle(1);
        let first = progress.begin_commit().unwrap();
        tracker.lock().settle(2);
        assert!(progress.begin_commit().is_some());
        progress.end_commit(Some(&first));
        progress.end_commit(None);
        assert!(to_commit(&progress).is_some(), "nobody has acknowledged that the last record is settled");
    }

    #[test]
    fn a_late_acknowledgement_takes_nothing_back() {
        let progress = Progress::new();
        progress.advance(3);
        let early = progress.begin_commit();
        progress.advance(9);
        acknowledge(&progress, 9);
        progress.end_commit(early.as_ref());
        progress.advance(4);
        assert_eq!(to_commit(&progress), None);
    }
}
