use std::time::{Duration, Instant};

/// How many records are settled in a target time, where many are at work side by side. (One batch after the other has a
/// [`Pace`](super::Pace).)
///
/// It is counted from one target time to the next. Nothing is assumed of what was not counted: the number begins with none, and
/// goes back to none when nothing is settled.
#[derive(Debug)]
pub(crate) struct Throughput {
    target: Duration,
    most: usize,
    since: Instant,
    settled: usize,
    records: usize,
}

impl Throughput {
    pub(crate) fn new(target: Duration, most: usize, now: Instant) -> Self {
        Self { target, most, since: now, settled: 0, records: 0 }
    }

    /// So many more records are settled.
    pub(crate) fn add(&mut self, records: usize) {
        self.settled += records;
    }

    /// How many records were settled in a target time, the last time that one was over.
    pub(crate) fn records(&mut self, now: Instant) -> usize {
        let took = now.saturating_duration_since(self.since);
        if took >= self.target {
            let records = self.settled as f64 * self.target.as_secs_f64() / took.as_secs_f64();
            self.records = (records as usize).min(self.most);
            self.settled = 0;
            self.since = now;
        }
        self.records
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TARGET: Duration = Duration::from_millis(40);

    proptest! {
        /// However the looks at it fall, what it says is what is settled in a target time, but for what falls into another one.
        #[test]
        fn it_says_how_many_are_settled_in_the_target_time(
            each_us in 1u64..50_000, looks in prop::collection::vec(1u64..100_000, 1..100),
        ) {
            let begin = Instant::now();
            let mut throughput = Throughput::new(TARGET, usize::MAX, begin);
            let (mut now, mut settled) = (0, 0);
            for wait in looks {
                now += wait;
                throughput.add((now / each_us - settled) as usize);
                settled = now / each_us;
                let records = throughput.records(begin + Duration::from_micros(now)) as u64;
                prop_assert!(records == 0 || records.abs_diff(40_000 / each_us) <= 1, "{records}");
            }
        }
    }

    #[test]
    fn it_says_none_before_a_target_time_is_over_and_after_one_in_which_nothing_was_settled() {
        let begin = Instant::now();
        let mut throughput = Throughput::new(TARGET, 100, begin);
        throughput.add(10);
        assert_eq!(throughput.records(begin + TARGET / 2), 0);
        assert_eq!(throughput.records(begin + TARGET), 10);
        assert_eq!(throughput.records(begin + TARGET * 3 / 2), 10);
        assert_eq!(throughput.records(begin + TARGET * 2), 0);
    }

    #[test]
    fn it_says_no_more_than_the_most() {
        let begin = Instant::now();
        let mut throughput = Throughput::new(TARGET, 100, begin);
        throughput.add(1_000_000);
        assert_eq!(throughput.records(begin + TARGET), 100);
    }
}
