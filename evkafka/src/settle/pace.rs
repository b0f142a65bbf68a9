use std::time::Duration;

/// How many records to take on at a time: as many as are handled in about a target time.
///
/// The number follows the handlers. It begins with the least, because nobody knows yet whether a record takes a microsecond or a
/// minute. While a batch takes less than half the target, the number grows towards that (at least twofold, at most 64-fold), and
/// it halves when one takes more than twice the target.
#[derive(Debug)]
pub(crate) struct Pace {
    records: usize,
    target: Duration,
    least: usize,
    most: usize,
    is_growing: bool,
}

impl Pace {
    /// `least` is at least one, and `most` no less.
    pub(crate) const fn new(target: Duration, least: usize, most: usize) -> Self {
        Self { records: least, target, least, most, is_growing: true }
    }

    /// How many records the next batch may have.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// Whether the next batch may well have more records than the last: then it is not known yet what they take.
    pub(crate) fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// A batch of `records` was handled in `took`.
    pub(crate) fn handled(&mut self, records: usize, took: Duration) {
        let before = self.records;
        if took > self.target * 2 {
            self.records = (self.records / 2).max(self.least);
        } else if took < self.target / 2 && records >= self.records {
            // A batch that was not full says nothing about what a larger one would take.
            let factor = (self.target / 2).as_nanos() / took.as_nanos().max(1);
            self.records = (self.records * factor.clamp(2, 64) as usize).min(self.most);
        }
        self.is_growing = self.records > before;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TARGET: Duration = Duration::from_millis(40);
    const MOST: usize = 16_384;

    fn pace() -> Pace {
        Pace::new(TARGET, 1, MOST)
    }

    proptest! {
        #[test]
        fn settles_near_its_target_whatever_a_record_takes(record_ns in 100u64..2_000_000_000) {
            let mut pace = self::pace();
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
        let mut pace = self::pace();
        pace.handled(1, Duration::ZERO);
        assert_eq!(pace.records(), 64);
        pace.handled(63, Duration::ZERO);
        assert_eq!(pace.records(), 64);
    }

    #[test]
    fn it_is_growing_until_a_batch_has_shown_that_the_next_has_no_more() {
        let mut pace = self::pace();
        assert!(pace.is_growing(), "nothing is known yet");
        pace.handled(1, Duration::from_millis(1));
        assert!(pace.is_growing());
        pace.handled(pace.records(), Duration::from_millis(30));
        assert!(!pace.is_growing());
    }

    #[test]
    fn a_slow_handler_is_never_given_more_than_the_least() {
        let mut pace = self::pace();
        for _ in 0..10 {
            assert_eq!(pace.records(), 1);
            pace.handled(1, Duration::from_millis(50));
        }
    }
}
