use std::time::Duration;

/// How many observations fell into which range.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    sum: Duration,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [f64], counts: Vec<u64>, sum: Duration) -> Self {
        debug_assert_eq!(bounds.len() + 1, counts.len());
        Self { bounds, counts, sum }
    }

    /// The upper bounds of its ranges, in seconds and growing. The last range, above all of them, has none.
    pub fn bounds(&self) -> &'static [f64] {
        self.bounds
    }

    /// How many observations fell into each range: above the bound before, up to its own included. One more than there are
    /// [bounds](Self::bounds).
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many observations there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all observations.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// Up to each bound, and to infinity, how many observations lie below or at it.
    pub(crate) fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let mut below = 0;
        bounds.zip(&self.counts).map(move |(bound, count)| {
            below += count;
            (bound, below)
        })
    }
}
