use std::collections::VecDeque;

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
    /// Work on the record at `offset` begins. Offsets must grow from call to call; there may be gaps.
    pub(crate) fn begin(&mut self, offset: i64) -> Ticket {
        debug_assert!(self.window.back().is_none_or(|last| last.offset < offset), "offsets must grow");
        self.window.push_back(Slot { offset, settled: false });
        self.unsettled += 1;
        Ticket(self.first + self.window.len() as u64 - 1)
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
        let mut next = None;
        while let Some(slot) = self.window.front().filter(|slot| slot.settled) {
            next = Some(slot.offset + 1);
            self.first += 1;
            self.window.pop_front();
        }
        next
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
        Settle { which: prop::sample::Index },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (1..4i64).prop_map(|gap| Step::Begin { gap }),
            any::<prop::sample::Index>().prop_map(|which| Step::Settle { which }),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn commits_what_the_model_commits(first in 0..1000i64, steps in steps()) {
            let (mut tracker, mut model) = (OffsetTracker::default(), Model::default());
            let mut tickets = Vec::new();
            let mut offset = first;
            let mut committable = None;
            for step in steps {
                match step {
                    Step::Begin { gap } => {
                        offset += gap;
                        tickets.push((offset, tracker.begin(offset)));
                        model.0.insert(offset, false);
                    }
                    Step::Settle { .. } if tickets.is_empty() => {}
                    Step::Settle { which } => {
                        // Some are settled twice, which must change nothing.
                        let (offset, ticket) = tickets[which.index(tickets.len())];
                        model.0.insert(offset, true);
                        committable = tracker.settle(ticket).or(committable);
                    }
                }
                prop_assert_eq!(committable, model.committable());
                prop_assert_eq!(tracker.unsettled(), model.0.values().filter(|settled| !**settled).count());
                prop_assert!(tracker.span() >= tracker.unsettled());
            }
        }
    }
}
