use std::sync::Arc;

use crate::{
    engine::start::Start,
    record::Written,
    settle::{MetadataLimit, OffsetTracker, Persisted, Progress, SettledAhead, SharedTracker},
};

/// One stretch of a partition in which offsets only grow: which of its records are settled, and what may be committed.
///
/// It ends when offsets go back, because the topic was recreated or its log cut off, and at a seek: then another begins, of which
/// nothing is known yet. Answers to commits of the one before do not reach it.
pub(super) struct Epoch {
    pub(super) progress: Arc<Progress>,
    tracker: Tracker,
    /// What an earlier owner has settled.
    before: SettledAhead,
    /// Whether a record has been met.
    has_begun: bool,
}

enum Tracker {
    Own(OffsetTracker),
    /// The committer looks into it, for what is settled above the committed offset.
    Shared {
        tracker: SharedTracker,
        limit: Arc<MetadataLimit>,
        foreign: Option<String>,
    },
}

/// Whether commits carry what is settled above their offset, and how much of it the brokers take.
pub(super) type Persists = Option<Arc<MetadataLimit>>;

impl Epoch {
    /// Continues where an earlier owner was.
    pub(super) fn resume(start: Start, persists: Persists) -> Self {
        let Start { committed, next, settled, foreign } = start;
        let mut epoch = Self::new(committed, settled, foreign, persists);
        if let Some(committed) = committed {
            epoch.progress.resume(committed);
        }
        if let Some(next) = next.filter(|next| committed != Some(*next)) {
            epoch.begin(next);
        }
        epoch.has_begun = false;
        epoch
    }

    /// The stretch behind this one, whose first record is at `from` or behind that. It is to be committed, unless the broker has it:
    /// whatever else it has is of no use to the next owner.
    pub(super) fn followed_at(&self, from: i64) -> Self {
        let (persists, foreign) = match &self.tracker {
            Tracker::Own(_) => (None, None),
            Tracker::Shared { limit, foreign, .. } => (Some(Arc::clone(limit)), foreign.clone()),
        };
        let mut epoch = Self::new(None, SettledAhead::default(), foreign, persists);
        epoch.begin(from);
        epoch
    }

    fn new(
        committed: Option<i64>,
        before: SettledAhead,
        foreign: Option<String>,
        persists: Persists,
    ) -> Self {
        let progress = Arc::new(Progress::new());
        let tracker = match persists {
            None => Tracker::Own(OffsetTracker::default()),
            Some(limit) => {
                let tracker = SharedTracker::default();
                let persisted = Persisted::new(tracker.clone(), committed, before.clone(), foreign.clone());
                progress.persist(persisted.limited_by(Arc::clone(&limit)));
                Tracker::Shared { tracker, limit, foreign }
            }
        };
        Self { progress, tracker, before, has_begun: false }
    }

    /// The first record is at `from`, or behind that. Committed in its time whatever comes of the record: what was committed before
    /// may be deleted, or too high.
    fn begin(&mut self, from: i64) {
        self.has_begun = true;
        self.progress.begin(from);
    }

    /// Records are taken, of which `first` is the first; whether the epoch begins with it.
    pub(super) fn meet(&mut self, first: Option<i64>) -> bool {
        let first = first.filter(|_| !self.has_begun);
        first.inspect(|first| self.begin(*first)).is_some()
    }

    /// Whether an earlier owner has settled the record.
    #[inline]
    pub(super) fn was_settled_before(&self, offset: i64) -> bool {
        !self.before.is_empty() && self.before.contains(offset)
    }

    /// Work on a record begins that is not settled at once.
    pub(super) fn open(&mut self, offset: i64, written: Written) {
        self.with_tracker(|tracker| tracker.begin(offset, written));
    }

    /// A record is settled, which was not [opened](Self::open). The offset that may be committed now, if that has changed.
    #[inline]
    pub(super) fn pass(&mut self, offset: i64) -> Option<i64> {
        self.with_tracker(|tracker| tracker.pass(offset))
    }

    /// An [opened](Self::open) record is settled. The offset that may be committed now, if that has changed.
    pub(super) fn settle(&mut self, offset: i64) -> Option<i64> {
        self.with_tracker(|tracker| tracker.settle(offset))
    }

    /// There is no record between the last one and `next`. The offset that may be committed now, if that has changed.
    pub(super) fn skip_to(&mut self, next: i64) -> Option<i64> {
        self.with_tracker(|tracker| tracker.skip_to(next))
    }

    /// The lowest offset that is opened and not settled.
    pub(super) fn first_unsettled(&mut self) -> Option<i64> {
        self.with_tracker(|tracker| (tracker.unsettled() > 0).then(|| tracker.position()).flatten())
    }

    /// When the lowest record that is opened and not settled was written, if there is one; and how many there are.
    pub(super) fn oldest_and_unsettled(&mut self) -> (Option<Written>, usize) {
        self.with_tracker(|tracker| (tracker.oldest(), tracker.unsettled()))
    }

    pub(super) fn unsettled(&mut self) -> usize {
        self.with_tracker(|tracker| tracker.unsettled())
    }

    /// How many records have been settled.
    pub(super) fn settled(&mut self) -> u64 {
        self.with_tracker(|tracker| tracker.settled())
    }

    /// How many records may be opened, at most `most`, so that what is settled can still be persisted.
    pub(super) fn room(&self, most: usize) -> usize {
        match &self.tracker {
            Tracker::Own(_) => most,
            Tracker::Shared { tracker, .. } => tracker.lock().room_to_persist(most),
        }
    }

    #[inline]
    fn with_tracker<T>(&mut self, with: impl FnOnce(&mut OffsetTracker) -> T) -> T {
        match &mut self.tracker {
            Tracker::Own(tracker) => with(tracker),
            Tracker::Shared { tracker, .. } => with(&mut tracker.lock()),
        }
    }
}
