use std::collections::VecDeque;

use super::{
    SettledAhead,
    ahead::{ALWAYS_FITS, RUNS_THAT_FIT},
};

/// Which records of a partition are settled, when they are worked on side by side.
///
/// The committed offset may not pass a record that is not settled, so what may be committed is what lies below the lowest
/// of those. However far ahead others are settled, each record costs constant time, amortised.
#[derive(Debug, Default)]
pub(crate) struct OffsetTracker {
    /// From the lowest unsettled record on, in the order of their offsets.
    window: VecDeque<Slot>,
    /// The ticket of the window's first record.
    first: u64,
    unsettled: usize,
    /// One more than the offset of the last record.
    end: Option<i64>,
    /// How many records have been settled.
    settled: u64,
}

#[derive(Debug)]
struct Slot {
    offset: i64,
    settled: bool,
}

/// Stands for a record that is being worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl OffsetTracker {
    /// Offsets have gone back to `from`. What was before is forgotten, whether it is settled or not.
    pub(crate) fn start_over(&mut self, from: i64) {
        self.first += self.window.len() as u64;
        self.window.clear();
        self.unsettled = 0;
        self.end = Some(from);
    }

    /// The first record is at `from`, or will be at no less.
    pub(crate) fn begin_at(&mut self, from: i64) {
        self.end.get_or_insert(from);
    }

    /// Work on the record at `offset` begins. Offsets must grow from call to call, unless they [start
    /// over](Self::start_over); there may be gaps.
    pub(crate) fn begin(&mut self, offset: i64) -> Ticket {
        debug_assert!(self.window.back().is_none_or(|last| last.offset < offset), "offsets must grow");
        self.end = Some(offset + 1);
        self.window.push_back(Slot { offset, settled: false });
        self.unsettled += 1;
        Ticket(self.first + self.window.len() as u64 - 1)
    }

    /// There is no record between the last one and the offset `next`: what lies there was a transaction's end, or aborted. The offset
    /// that may be committed now, if that has changed.
    pub(crate) fn skip_to(&mut self, next: i64) -> Option<i64> {
        if self.end.is_some_and(|end| end >= next) {
            return None;
        }
        self.end = Some(next);
        self.settled += 1;
        if self.window.is_empty() {
            return Some(next);
        }
        self.window.push_back(Slot { offset: next - 1, settled: true });
        None
    }

    /// The record is settled. The offset that may be committed now, if that has changed: one more than that of the last
    /// record below the lowest unsettled one.
    pub(crate) fn settle(&mut self, ticket: Ticket) -> Option<i64> {
        let index = usize::try_from(ticket.0.checked_sub(self.first)?).ok()?;
        let slot = self.window.get_mut(index)?;
        if std::mem::replace(&mut slot.settled, true) {
            return None;
        }
        self.unsettled -= 1;
        self.settled += 1;
        let mut next = None;
        while let Some(slot) = self.window.front().filter(|slot| slot.settled) {
            next = Some(slot.offset + 1);
            self.first += 1;
            self.window.pop_front();
        }
        next
    }

    /// The lowest offset that is not settled, as far as is known; `None` before the first record.
    pub(crate) fn position(&self) -> Option<i64> {
        self.window.front().map(|slot| slot.offset).or(self.end)
    }

    /// The settled records above [`position`](Self::position). Costs a look at each record of the [`span`](Self::span).
    pub(crate) fn settled_ahead(&self) -> SettledAhead {
        let mut runs = Vec::new();
        let mut start = None;
        for slot in &self.window {
            match (slot.settled, start) {
                (true, None) => start = Some(slot.offset),
                (false, Some(from)) => {
                    // Up to here there may be gaps in the offsets, at which no record can ever be.
                    runs.push(from..slot.offset);
                    start = None;
                }
                _ => {}
            }
        }
        if let (Some(from), Some(last)) = (start, self.window.back()) {
            runs.push(from..last.offset + 1);
        }
        SettledAhead::new(runs)
    }

    /// One more than the offset of the last record; `None` before the first.
    pub(crate) fn end(&self) -> Option<i64> {
        self.end
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
        let (front, back) = (self.window.front(), self.window.back());
        front.zip(back).map_or(0, |(front, back)| front.offset.abs_diff(back.offset) + 1)
    }

    /// How many records are being worked on.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// How many records lie between the lowest unsettled one and the last, both included.
    pub(crate) fn span(&self) -> usize {
        self.window.len()
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
        fn committable(&self) -> Option<i64> {
            self.0.iter().take_while(|(_, settled)| **settled).map(|(offset, _)| offset + 1).last()
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Begin { gap: i64 },
        SkipTo { gap: i64 },
        Settle { which: prop::sample::Index },
        StartOver { from: i64 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            10 => (1..4i64).prop_map(|gap| Step::Begin { gap }),
            2 => (1..4i64).prop_map(|gap| Step::SkipTo { gap }),
            10 => any::<prop::sample::Index>().prop_map(|which| Step::Settle { which }),
            1 => (0..1000i64).prop_map(|from| Step::StartOver { from }),
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
            let mut tickets = vec![tracker.begin(first)];
            let mut waited = false;
            for (most, share, seed) in rounds {
                let room = tracker.room_to_persist(most);
                waited |= room == 0;
                let end = tracker.end().unwrap();
                tickets.extend((end..).take(room).map(|offset| tracker.begin(offset)));
                // The first is never settled; of the others some, here and there.
                let mut random = fastrand::Rng::with_seed(seed);
                let is_left = |ticket: &Ticket| *ticket == Ticket(0) || random.f64() > share / 10.0;
                let (left, settled): (Vec<_>, Vec<_>) = tickets.drain(..).partition(is_left);
                settled.into_iter().for_each(|ticket| _ = tracker.settle(ticket));
                tickets = left;
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
            let mut tickets = Vec::new();
            let mut offset = first;
            let mut committable = None;
            let mut start = None;
            // Which of the tickets are of before.
            let mut forgotten = 0;
            for step in steps {
                match step {
                    Step::StartOver { from } => {
                        tracker.start_over(from);
                        model.0.clear();
                        (offset, start, committable, forgotten) = (from - 1, Some(from), None, tickets.len());
                    }
                    Step::Begin { gap } => {
                        offset += gap;
                        tickets.push((offset, tracker.begin(offset)));
                        model.0.insert(offset, false);
                    }
                    // As of a record that is settled as soon as it begins.
                    Step::SkipTo { gap } => {
                        offset += gap;
                        committable = tracker.skip_to(offset + 1).or(committable);
                        prop_assert_eq!(tracker.skip_to(offset + 1), None);
                        model.0.insert(offset, true);
                    }
                    Step::Settle { .. } if tickets.is_empty() => {}
                    Step::Settle { which } => {
                        // Some are settled twice, which must change nothing.
                        let index = which.index(tickets.len());
                        let (offset, ticket) = tickets[index];
                        if index < forgotten {
                            prop_assert_eq!(tracker.settle(ticket), None);
                            continue;
                        }
                        model.0.insert(offset, true);
                        let before = tracker.settled();
                        committable = tracker.settle(ticket).or(committable);
                        prop_assert!(tracker.settled() <= before + 1);
                    }
                }
                prop_assert_eq!(committable, model.committable());
                prop_assert_eq!(tracker.unsettled(), model.0.values().filter(|settled| !**settled).count());
                prop_assert!(tracker.span() >= tracker.unsettled());
                let position = model.0.iter().find(|(_, settled)| !**settled).map(|(offset, _)| *offset);
                prop_assert_eq!(tracker.position(), position.or(committable).or(start));
                let ahead = tracker.settled_ahead();
                for (offset, settled) in position.map(|position| model.0.range(position..)).into_iter().flatten() {
                    prop_assert_eq!(ahead.contains(*offset), *settled, "{}", offset);
                }
                prop_assert!(ahead.len() <= tracker.distance());
            }
        }
    }
}
