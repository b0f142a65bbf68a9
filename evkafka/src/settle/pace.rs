use std::time::Duration;

/// How many records to commit ahead of handling them, pre-commit: as many as are handled in about [`TARGET`].
///
/// A larger batch means fewer commits, and more records that are lost when the process dies between commit and handling.
/// So the number follows the handlers: while a batch takes less than half the target it grows towards that (at least twofold, at
/// most 64-fold), and it halves when one takes more than twice the target.
#[derive(Debug)]
pub(crate) struct Pace {
    records: usize,
}

/// A commit takes some milliseconds; a batch has to take a good deal longer to hide it.
const TARGET: Duration = Duration::from_millis(40);
/// Until the first record was handled, nobody knows whether it takes a microsecond or a minute. What is found out costs a few
/// commits; what is guessed wrong is lost when the app is stopped.
const FIRST: usize = 1;
/// A million records per second and partition; more is not to be had from one thread.
const MOST: usize = 16_384;

impl Pace {
    pub(crate) fn new() -> Self {
        Self { records: FIRST }
    }

    /// How many records the next batch may have; at least one.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// A batch of `records` was handled in `took`.
    pub(crate) fn handled(&mut self, records: usize, took: Duration) {
        if took > TARGET * 2 {
            self.records = (self.records / 2).max(1);
        } else if took < TARGET / 2 && records >= self.records {
            // A batch that was not full says nothing about what a larger one would take.
            let factor = (TARGET / 2).as_nanos() / took.as_nanos().max(1);
            self.records = (self.records * factor.clamp(2, 64) as usize).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn settles_near_its_target_whatever_a_record_takes(record_ns in 100u64..2_000_000_000) {
            let mut pace = Pace::new();
            for _ in 0..64 {
                let records = pace.records();
                pace.handled(records, Duration::from_nanos(record_ns * records as u64));
            }
            let batch = Duration::from_nanos(record_ns * pace.records() as u64);
            prop_assert!(pace.records() == 1 || batch <= TARGET * 2, "{batch:?}");
            prop_assert!(pace.records() == MOST || batch >= TARGET / 2, "{batch:?}");
        }
    }

    #[test]
    fn a_batch_that_was_not_full_does_not_make_the_next_larger() {
        let mut pace = Pace::new();
        pace.handled(1, Duration::ZERO);
        assert_eq!(pace.records(), 64);
        pace.handled(63, Duration::ZERO);
        assert_eq!(pace.records(), 64);
    }

    #[test]
    fn nothing_is_committed_ahead_of_a_slow_handler() {
        let mut pace = Pace::new();
        for _ in 0..10 {
            assert_eq!(pace.records(), 1);
            pace.handled(1, Duration::from_millis(50));
        }
    }
}
