use std::collections::VecDeque;

use super::{
    SettledAhead,
    ahead::{ALWAYS_FITS, RUNS_THAT_FIT},
};
use crate::record::Written;

/// How many settled records the window may hold beyond as many as are not settled, so that small windows are not cleaned up for
/// each record.
const SPARE: usize = 64;

/// Which records of a partition are settled, when they are handled concurrently.
///
/// The committed offset may not pass a record that is not settled, so what may be committed is the offset of the lowest of those.
/// Memory is needed for the records that are not settled only, however many are settled above them; beginning a record takes
/// constant time, amortised, and settling one a binary search among those that are not.
#[derive(Debug, Default)]
pub(crate) struct OffsetTracker {
    /// All records that are not settled, in the order of their offsets, and some that are. The first is not settled.
    window: VecDeque<TrackedOffset>,
    unsettled: usize,
    /// One more than the offset of the last record.
    end: Option<i64>,
    /// How many records have been settled.
    settled: u64,
    /// Behind the place of the one that was settled last: the records of a batch are settled one after the other.
    near: usize,
}

/// In how many places the next record to be settled is looked for before it is searched for.
const NEAR: usize = 4;

#[derive(Debug)]
struct TrackedOffset {
    offset: i64,
    written: Written,
    settled: bool,
}

impl OffsetTracker {
    /// The first record is at `from`, or will be at no less.
    pub(crate) fn begin_at(&mut self, from: i64) {
        self.end.get_or_insert(from);
    }

    /// Work on the record at `offset` begins, which was written then. Offsets must grow from call to call; there may be gaps.
    pub(crate) fn begin(&mut self, offset: i64, written: Written) {
        debug_assert!(self.end.is_none_or(|end| end <= offset), "offsets must grow");
        self.end = Some(offset + 1);
        self.window.push_back(TrackedOffset { offset, written, settled: false });
        self.unsettled += 1;
    }

    /// The record at `offset` begins and is settled. The offset that may be committed now, if that has changed.
    ///
    /// It needs no place in the window: an offset without a record counts as settled.
    #[inline]
    pub(crate) fn pass(&mut self, offset: i64) -> Option<i64> {
        debug_assert!(self.end.is_none_or(|end| end <= offset), "offsets must grow");
        self.end = Some(offset + 1);
        self.settled += 1;
        self.window.is_empty().then_some(offset + 1)
    }

    /// There is no record between the last one and the offset `next`: what lies there was a transaction's end, or aborted. The offset
    /// that may be committed now, if that has changed.
    pub(crate) fn skip_to(&mut self, next: i64) -> Option<i64> {
        if self.end.is_some_and(|end| end >= next) {
            return None;
        }
        self.end = Some(next);
        self.settled += 1;
        self.window.is_empty().then_some(next)
    }

    /// The record at `offset`, which has begun, is settled. The offset that may be committed now, if that has changed: the lowest that is not settled.
    pub(crate) fn settle(&mut self, offset: i64) -> Option<i64> {
        let index = self.find(offset)?;
        if std::mem::replace(&mut self.window[index].settled, true) {
            return None;
        }
        self.unsettled -= 1;
        self.settled += 1;
        if index > 0 {
            self.near = index + 1;
            self.forget_settled();
            return None;
        }
        self.near = 0;
        while self.window.front().is_some_and(|slot| slot.settled) {
            self.window.pop_front();
        }
        self.position()
    }

    fn find(&self, offset: i64) -> Option<usize> {
        let is_it = |index: &usize| self.window[*index].offset == offset;
        let near = (self.near..self.window.len()).take(NEAR).find(is_it);
        near.or_else(|| self.window.binary_search_by_key(&offset, |slot| slot.offset).ok())
    }

    /// Frees the memory of settled records, once they are the larger part.
    fn forget_settled(&mut self) {
        if self.window.len() > 2 * self.unsettled + SPARE {
            self.window.retain(|slot| !slot.settled);
            self.near = 0;
        }
    }

    /// The lowest offset that is not settled, as far as is known; `None` before the first record.
    pub(crate) fn position(&self) -> Option<i64> {
        self.window.front().map(|slot| slot.offset).or(self.end)
    }

    /// What is settled above [`position`](Self::position). Offsets without a record, as compaction and transactions leave them, count
    /// as settled: no record can ever be there. Costs a look at each record that is not settled.
    pub(crate) fn settled_ahead(&self) -> SettledAhead {
        let mut runs = Vec::new();
        let mut from = None;
        let unsettled = self.window.iter().filter(|slot| !slot.settled).map(|slot| slot.offset);
        for offset in unsettled.chain(self.end) {
            runs.extend(from.map(|from| from..offset).filter(|run| !run.is_empty()));
            from = Some(offset + 1);
        }
        SettledAhead::new(runs)
    }

    /// One more than the offset of the last record; `None` before the first.
    pub(crate) fn end(&self) -> Option<i64> {
        self.end
    }

    /// When the lowest record that is not settled was written; `None` if there is none.
    pub(crate) fn oldest(&self) -> Option<Written> {
        self.window.front().map(|slot| slot.written)
    }

    /// How many records have been settled: grows when [`position`](Self::position) or
    /// [`settled_ahead`](Self::settled_ahead) change.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// How many more records may begin, at most `most`, so that what is settled ahead can still be written into a commit's
    /// metadata, whichever of them are settled then.
    ///
    /// (Where offsets are missing by the thousand, as after compaction, it may be a little too many: then the highest runs are
    /// not written.)
    pub(crate) fn room_to_persist(&self, most: usize) -> usize {
        if self.distance() + most as u64 <= ALWAYS_FITS {
            return most;
        }
        // Before each run of settled records is at least one that is not.
        RUNS_THAT_FIT.saturating_sub(self.unsettled).min(most)
    }

    /// How many offsets lie between the lowest unsettled record and the last.
    fn distance(&self) -> u64 {
        self.position().zip(self.end).map_or(0, |(position, end)| position.abs_diff(end))
    }

    /// How many records are not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What a tracker does, said as simply as possible.
    #[derive(Default)]
    struct Model(BTreeMap<i64, bool>);

    impl Model {
        fn lowest_unsettled(&self) -> Option<i64> {
            self.0.iter().find(|(_, settled)| !**settled).map(|(offset, _)| *offset)
        }

        /// One more than the offset of the last record.
        fn end(&self) -> Option<i64> {
            self.0.last_key_value().map(|(offset, _)| offset + 1)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Begin { gap: i64 },
        SkipTo { gap: i64 },
        Settle { which: prop::sample::Index },
        Pass { gap: i64 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            10 => (1..4i64).prop_map(|gap| Step::Begin { gap }),
            2 => (1..4i64).prop_map(|gap| Step::SkipTo { gap }),
            10 => any::<prop::sample::Index>().prop_map(|which| Step::Settle { which }),
            5 => (1..4i64).prop_map(|gap| Step::Pass { gap }),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn what_has_room_can_be_persisted(
            first in 0..1_i64 << 40,
            rounds in prop::collection::vec((1..=256_usize, 0.0..1.0_f64, any::<u64>()), 300),
        ) {
            let mut tracker = OffsetTracker::default();
            tracker.begin(first, Written::UNKNOWN);
            let mut open = vec![first];
            let mut waited = false;
            for (most, share, seed) in rounds {
                let room = tracker.room_to_persist(most);
                waited |= room == 0;
                let end = tracker.end().unwrap();
                open.extend((end..).take(room).inspect(|offset| tracker.begin(*offset, Written::UNKNOWN)));
                // The first is never settled; of the others some, here and there.
                let mut random = fastrand::Rng::with_seed(seed);
                let is_left = |offset: &i64| *offset == first || random.f64() > share / 10.0;
                let (left, settled): (Vec<_>, Vec<_>) = open.drain(..).partition(is_left);
                settled.into_iter().for_each(|offset| _ = tracker.settle(offset));
                open = left;
            }
            let ahead = tracker.settled_ahead();
            let position = tracker.position().unwrap();
            prop_assert_eq!(position, first);
            let read = SettledAhead::decode(position, &ahead.encode(position, 4096));
            prop_assert_eq!(read, crate::settle::Found::Progress(ahead));
            prop_assert!(waited, "{} {}", tracker.distance(), tracker.unsettled());
        }

        #[test]
        fn commits_what_the_model_commits(first in 0..1000i64, steps in steps()) {
            let (mut tracker, mut model) = (OffsetTracker::default(), Model::default());
            let mut begun = Vec::new();
            let mut offset = first;
            for step in steps {
                match step {
                    Step::Begin { gap } => {
                        offset += gap;
                        tracker.begin(offset, Written::UNKNOWN);
                        begun.push(offset);
                        model.0.insert(offset, false);
                    }
                    Step::Pass { gap } => {
                        offset += gap;
                        let is_open = model.lowest_unsettled().is_some();
                        prop_assert_eq!(tracker.pass(offset), (!is_open).then_some(offset + 1));
                        model.0.insert(offset, true);
                    }
                    // As of a record that is settled as soon as it begins.
                    Step::SkipTo { gap } => {
                        offset += gap;
                        let is_open = model.lowest_unsettled().is_some();
                        prop_assert_eq!(tracker.skip_to(offset + 1), (!is_open).then_some(offset + 1));
                        prop_assert_eq!(tracker.skip_to(offset + 1), None);
                        model.0.insert(offset, true);
                    }
                    Step::Settle { .. } if begun.is_empty() => {}
                    Step::Settle { which } => {
                        // Some are settled twice, which must change nothing.
                        let offset = begun[which.index(begun.len())];
                        let lowest = model.lowest_unsettled();
                        model.0.insert(offset, true);
                        let committable = model.lowest_unsettled().or(model.end());
                        let before = tracker.settled();
                        prop_assert_eq!(tracker.settle(offset), committable.filter(|_| lowest == Some(offset)));
                        prop_assert!(tracker.settled() <= before + 1);
                    }
                }
                prop_assert_eq!(tracker.unsettled(), model.0.values().filter(|settled| !**settled).count());
                prop_assert!(tracker.window.len() <= 2 * tracker.unsettled() + SPARE + 1);
                let position = model.lowest_unsettled();
                prop_assert_eq!(tracker.position(), position.or(model.end()));
                let ahead = tracker.settled_ahead();
                for (offset, settled) in position.map(|position| model.0.range(position..)).into_iter().flatten() {
                    prop_assert_eq!(ahead.contains(*offset), *settled, "{}", offset);
                }
                prop_assert!(ahead.len() <= tracker.distance());
            }
        }
    }

    #[test]
    fn a_record_that_waits_costs_nothing_for_what_is_settled_above_it() {
        let mut tracker = OffsetTracker::default();
        tracker.begin(0, Written::UNKNOWN);
        for offset in 1..=1_000_000 {
            tracker.begin(offset, Written::UNKNOWN);
            assert_eq!(tracker.settle(offset), None);
        }
        assert!(tracker.window.capacity() <= 1024, "{}", tracker.window.capacity());
        assert_eq!(tracker.settle(0), Some(1_000_001));
    }
}
