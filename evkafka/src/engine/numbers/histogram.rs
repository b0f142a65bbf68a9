use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::metrics::Histogram;

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

/// A histogram that one lane adds to. Values mostly fall into the range of the one before, which takes a comparison.
#[derive(Debug)]
pub(super) struct LocalHistogram<const N: usize> {
    lowest: u64,
    width: u64,
    /// How many fell into the current range since it became that, or since they were taken.
    here: u64,
    sum: u64,
    range: usize,
    counts: [u64; N],
    /// Whether there are any in `counts`.
    are_elsewhere: bool,
}

/// Those of all lanes.
#[derive(Debug)]
pub(super) struct SharedHistogram<const N: usize> {
    counts: [AtomicU64; N],
    sum: AtomicU64,
}

impl<const N: usize> LocalHistogram<N> {
    pub(super) fn new(scale: &Scale<N>) -> Self {
        let (lowest, width) = scale.extent(0);
        Self { lowest, width, here: 0, sum: 0, range: 0, counts: [0; N], are_elsewhere: false }
    }

    #[inline]
    pub(super) fn add(&mut self, value: u64, scale: &Scale<N>) {
        if value.wrapping_sub(self.lowest) > self.width {
            self.change_range(value, scale);
        }
        self.here += 1;
        self.sum = self.sum.wrapping_add(value);
    }

    #[cold]
    fn change_range(&mut self, value: u64, scale: &Scale<N>) {
        self.are_elsewhere |= self.here > 0;
        self.counts[self.range] += std::mem::take(&mut self.here);
        self.range = scale.range_of(value);
        (self.lowest, self.width) = scale.extent(self.range);
    }

    /// Adds what is in it to `shared`, and begins anew.
    pub(super) fn move_to(&mut self, shared: &SharedHistogram<N>) {
        if std::mem::take(&mut self.are_elsewhere) {
            for (count, shared) in self.counts.iter_mut().zip(&shared.counts) {
                add(shared, std::mem::take(count));
            }
        }
        add(&shared.counts[self.range], std::mem::take(&mut self.here));
        add(&shared.sum, std::mem::take(&mut self.sum));
    }
}

impl<const N: usize> Default for SharedHistogram<N> {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> SharedHistogram<N> {
    pub(super) fn add(&self, value: u64, scale: &Scale<N>) {
        add(&self.counts[scale.range_of(value)], 1);
        add(&self.sum, value);
    }

    pub(super) fn read(&self, scale: &Scale<N>) -> Histogram {
        let counts = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        let sum = u128::from(self.sum.load(Relaxed)) * u128::from(scale.nanos);
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

    proptest! {
        #[test]
        fn each_value_is_counted_once_in_its_range_whenever_it_is_taken(
            values in values(),
            taken_after in prop::collection::vec(any::<bool>(), 100),
        ) {
            let (shared, one_by_one) = (SharedHistogram::default(), SharedHistogram::default());
            let mut local = LocalHistogram::new(&AGES);
            for (value, is_taken) in values.iter().zip(taken_after) {
                local.add(*value, &AGES);
                one_by_one.add(*value, &AGES);
                if is_taken {
                    local.move_to(&shared);
                }
            }
            local.move_to(&shared);
            let read = shared.read(&AGES);
            prop_assert_eq!(&read, &one_by_one.read(&AGES));
            for (bound, below) in read.cumulated() {
                let expected = values.iter().filter(|value| **value as f64 / 1000.0 <= bound).count();
                prop_assert_eq!(below, expected as u64, "{}", bound);
            }
            prop_assert_eq!(read.sum(), Duration::from_millis(values.iter().sum()));
        }
    }
}
