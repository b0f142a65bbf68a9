use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{metrics::Histogram, record::Written};

/// What values are sorted into. Both lists say the same.
pub(super) struct Scale<const N: usize> {
    /// The upper bounds of the ranges, in units of the values; the last range has none.
    bounds: &'static [u64],
    seconds: &'static [f64],
    /// How many nanoseconds a unit has.
    nanos: u64,
}

/// OpenTelemetry's ranges for durations of messaging, in nanoseconds.
pub(super) const DURATIONS: Scale<15> = Scale {
    bounds: &[
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        75_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        750_000_000,
        1_000_000_000,
        2_500_000_000,
        5_000_000_000,
        7_500_000_000,
        10_000_000_000,
    ],
    seconds: &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
    nanos: 1,
};

/// Records may wait for days, so these reach further; in milliseconds, as timestamps are.
pub(super) const AGES: Scale<15> = Scale {
    bounds: &[
        10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000, 86_400_000,
    ],
    seconds: &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0],
    nanos: 1_000_000,
};

impl<const N: usize> Scale<N> {
    fn range_of(&self, value: u64) -> usize {
        self.bounds.partition_point(|bound| *bound < value)
    }

    /// The lowest value of a range, and how many values follow that.
    fn extent(&self, range: usize) -> (u64, u64) {
        let lowest = range.checked_sub(1).map_or(0, |before| self.bounds[before] + 1);
        let highest = self.bounds.get(range).copied().unwrap_or(u64::MAX);
        (lowest, highest - lowest)
    }
}

/// What one lane adds to a histogram, until it adds it to [that of all lanes](SharedHistogram). Values mostly fall into the range of the one
/// before, which takes one comparison; what falls elsewhere has the range before passed on.
#[derive(Debug)]
#[repr(C)]
pub(super) struct LocalHistogram {
    sum: u64,
    lowest: u64,
    width: u64,
    /// How many fell into the current range. Not beside the sum: the compiler would add to both at once, in more instructions.
    here: u64,
    range: usize,
}

/// Those of all lanes.
#[derive(Debug)]
pub(super) struct SharedHistogram<const N: usize> {
    counts: [AtomicU64; N],
    sum: Sum,
}

/// A sum that does not come round: a million records with timestamps of 1970 are 2^50 ms, and who writes records chooses their timestamps.
#[derive(Debug, Default)]
struct Sum {
    low: AtomicU64,
    high: AtomicU64,
}

impl Sum {
    fn add(&self, value: u64) {
        if value > 0 && self.low.fetch_add(value, Relaxed).checked_add(value).is_none() {
            self.high.fetch_add(1, Relaxed);
        }
    }

    fn read(&self) -> u128 {
        (u128::from(self.high.load(Relaxed)) << 64) + u128::from(self.low.load(Relaxed))
    }
}

impl LocalHistogram {
    pub(super) fn new<const N: usize>(scale: &Scale<N>) -> Self {
        let (lowest, width) = scale.extent(0);
        Self { lowest, width, here: 0, sum: 0, range: 0 }
    }

    /// Whether the value falls into the current range, and is added.
    #[inline]
    #[must_use = "otherwise it is to be added elsewhere"]
    pub(super) fn add(&mut self, value: u64) -> bool {
        if value.wrapping_sub(self.lowest) > self.width {
            return false;
        }
        self.here += 1;
        self.sum = self.sum.wrapping_add(value);
        true
    }

    /// Goes to the range of this value, and adds it. How many were passed on.
    pub(super) fn add_elsewhere<const N: usize>(
        &mut self,
        value: u64,
        scale: &Scale<N>,
        shared: &SharedHistogram<N>,
    ) -> u64 {
        let passed_on = self.move_to(shared);
        self.range = scale.range_of(value);
        (self.lowest, self.width) = scale.extent(self.range);
        (self.here, self.sum) = (1, value);
        passed_on
    }

    /// Adds what is in it to `shared`; how many values.
    pub(super) fn move_to<const N: usize>(&mut self, shared: &SharedHistogram<N>) -> u64 {
        let here = std::mem::take(&mut self.here);
        add(&shared.counts[self.range], here);
        shared.sum.add(std::mem::take(&mut self.sum));
        here
    }
}

/// What one lane adds to a histogram of ages. Between two ticks of the lane the time stands still, so that it is enough to look between
/// which two times a record was written.
#[derive(Debug)]
#[repr(C)]
pub(super) struct LocalAges {
    /// Of the times at which records were written that fall into the current range.
    sum_of_written: u64,
    /// Between which times those are.
    earliest: u64,
    width: u64,
    here: u64,
    range: usize,
    now: i64,
}

impl LocalAges {
    pub(super) fn new(now: i64) -> Self {
        let mut ages = Self { now, earliest: 0, width: 0, here: 0, sum_of_written: 0, range: 0 };
        ages.set_range(0);
        ages
    }

    /// Whether a record that was written then falls into the current range, and is added.
    #[inline]
    #[must_use = "otherwise it is to be added elsewhere"]
    pub(super) fn add(&mut self, written: Written) -> bool {
        let written = written.to_bits();
        if written.wrapping_sub(self.earliest) > self.width {
            return false;
        }
        self.here += 1;
        self.sum_of_written = self.sum_of_written.wrapping_add(written);
        true
    }

    /// Goes to the range of this record, and adds it, if it is known when it was written.
    pub(super) fn add_elsewhere<const N: usize>(
        &mut self,
        written: Written,
        scale: &Scale<N>,
        shared: &SharedHistogram<N>,
    ) {
        let Some(millis) = written.millis() else { return };
        self.move_to(shared);
        // One of the future counts as now.
        let millis = millis.min(self.now);
        self.set_range(scale.range_of(self.now.abs_diff(millis)));
        let is_here = self.add(Written::at(millis));
        debug_assert!(is_here, "{self:?} {millis}");
    }

    /// It is later now.
    pub(super) fn tick<const N: usize>(&mut self, now: i64, shared: &SharedHistogram<N>) {
        self.move_to(shared);
        self.now = now;
        self.set_range(self.range);
    }

    pub(super) fn move_to<const N: usize>(&mut self, shared: &SharedHistogram<N>) {
        let here = std::mem::take(&mut self.here);
        add(&shared.counts[self.range], here);
        let written = std::mem::take(&mut self.sum_of_written);
        shared.sum.add(here.wrapping_mul(self.now as u64).wrapping_sub(written));
    }

    fn set_range(&mut self, range: usize) {
        let (youngest, width) = AGES.extent(range);
        let now = u64::try_from(self.now).unwrap_or(0);
        let latest = now.saturating_sub(youngest);
        self.earliest = latest.saturating_sub(width);
        self.width = latest - self.earliest;
        self.range = range;
    }
}

impl<const N: usize> Default for SharedHistogram<N> {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)), sum: Sum::default() }
    }
}

impl<const N: usize> SharedHistogram<N> {
    pub(super) fn add(&self, value: u64, scale: &Scale<N>) {
        add(&self.counts[scale.range_of(value)], 1);
        self.sum.add(value);
    }

    pub(super) fn read(&self, scale: &Scale<N>) -> Histogram {
        let counts = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        let sum = self.sum.read() * u128::from(scale.nanos);
        let (secs, nanos) = (sum / 1_000_000_000, sum % 1_000_000_000);
        let sum = Duration::new(u64::try_from(secs).unwrap_or(u64::MAX), u32::try_from(nanos).unwrap_or(0));
        Histogram::new(scale.seconds, counts, sum)
    }
}

/// Adds to what others add to, too.
#[inline]
pub(super) fn add(total: &AtomicU64, count: u64) {
    if count > 0 {
        total.fetch_add(count, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_in_seconds_are_those_in_units() {
        fn check<const N: usize>(scale: &Scale<N>) {
            assert_eq!((scale.bounds.len(), scale.seconds.len()), (N - 1, N - 1));
            assert!(scale.bounds.is_sorted());
            for (bound, seconds) in scale.bounds.iter().zip(scale.seconds) {
                let of_bound = (bound * scale.nanos) as f64 / 1e9;
                assert!((of_bound - seconds).abs() < 1e-9, "{bound} {seconds}");
            }
        }
        check(&DURATIONS);
        check(&AGES);
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = prop_oneof![
            prop::sample::select(AGES.bounds),
            prop::sample::select(AGES.bounds).prop_map(|bound| bound + 1),
            0..100_000_000_u64,
            Just(0),
        ];
        prop::collection::vec(value, 0..100)
    }

    fn check(read: &Histogram, values: &[u64]) {
        for (bound, below) in read.cumulated() {
            let expected = values.iter().filter(|value| **value as f64 / 1000.0 <= bound).count();
            assert_eq!(below, expected as u64, "{bound}");
        }
        assert_eq!(read.sum(), Duration::from_millis(values.iter().sum()));
    }

    proptest! {
        #[test]
        fn each_value_is_counted_once_in_its_range_whenever_it_is_passed_on(
            values in values(),
            passed_on_after in prop::collection::vec(any::<bool>(), 100),
        ) {
            let (shared, one_by_one) = (SharedHistogram::default(), SharedHistogram::default());
            let (mut local, mut passed_on) = (LocalHistogram::new(&AGES), 0);
            for (value, is_passed_on) in values.iter().zip(passed_on_after) {
                if !local.add(*value) {
                    passed_on += local.add_elsewhere(*value, &AGES, &shared);
                }
                one_by_one.add(*value, &AGES);
                if is_passed_on {
                    passed_on += local.move_to(&shared);
                }
            }
            passed_on += local.move_to(&shared);
            prop_assert_eq!(passed_on, values.len() as u64);
            check(&shared.read(&AGES), &values);
            check(&one_by_one.read(&AGES), &values);
        }

        #[test]
        fn each_age_is_counted_once_however_time_goes_on(
            ages in values(),
            steps in prop::collection::vec(prop_oneof![5 => Just(0), 1 => 0..1000_i64, 1 => -10..10_i64], 100),
            unknown in any::<i64>(),
        ) {
            let shared = SharedHistogram::default();
            let mut now = 1_700_000_000_000;
            let mut local = LocalAges::new(now);
            let add = |local: &mut LocalAges, written| {
                if !local.add(written) {
                    local.add_elsewhere(written, &AGES, &shared);
                }
            };
            for (age, step) in ages.iter().zip(steps) {
                if step != 0 {
                    now += step;
                    local.tick(now, &shared);
                }
                add(&mut local, Written::at(now - i64::try_from(*age).unwrap()));
            }
            // The future, and what is not known.
            add(&mut local, Written::at(unknown.max(now)));
            add(&mut local, Written::at(unknown.min(-1)));
            local.move_to(&shared);
            let counted: Vec<_> = ages.iter().copied().chain([0]).collect();
            check(&shared.read(&AGES), &counted);
        }
    }
}
