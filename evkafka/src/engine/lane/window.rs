//! How many of the events that handlers return may be on their way.

use tokio::time::Instant;

/// What it begins with, and the least. With brokers that answer within 5 ms it is 100,000 events a second.
const LEAST: usize = 512;
const MOST: usize = 8192;

/// A larger window has to make the brokers so much faster.
const GAIN: f64 = 1.2;

/// How many windows of acknowledgements are measured at a time.
const WINDOWS: usize = 4;

/// After so many measurements at most, a larger window is tried again.
const LONGEST_REST: u32 = 64;

/// How many events of a partition may be on their way at a time: as many as it takes to keep the brokers busy.
///
/// Where they are far away it takes many. Where they are near and the window is large, events wait in queues, and each is out of the
/// processor's caches when its answer arrives: forwarding took a third more processor time. So it grows as long as acknowledgements
/// arrive faster for it.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    /// Since `since`.
    acknowledged: usize,
    /// `None` while what is on its way was sent with a window of another size.
    since: Option<Instant>,
    /// Whether it was full since then.
    was_full: bool,
    /// Acknowledgements a second with half the size, while this size is on trial.
    before: Option<f64>,
    /// Measurements until a larger one is tried.
    rest: u32,
    next_rest: u32,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            size: LEAST,
            acknowledged: 0,
            since: None,
            was_full: false,
            before: None,
            rest: 0,
            next_rest: 1,
        }
    }

    pub(super) fn has_room(&self, under_way: usize) -> bool {
        under_way < self.size
    }

    /// So many are on their way now.
    pub(super) fn sent(&mut self, under_way: usize) {
        self.was_full |= !self.has_room(under_way);
    }

    /// One of them is acknowledged.
    pub(super) fn acknowledged(&mut self) {
        self.acknowledged += 1;
        if self.acknowledged >= WINDOWS * self.size {
            self.measure(Instant::now());
        }
    }

    #[cold]
    fn measure(&mut self, now: Instant) {
        let acknowledged = std::mem::take(&mut self.acknowledged);
        let was_full = std::mem::take(&mut self.was_full);
        let Some(since) = self.since.replace(now) else { return };
        let rate = acknowledged as f64 / (now - since).as_secs_f64();
        match self.before.take() {
            _ if !was_full => self.set(LEAST),
            Some(before) if rate >= before * GAIN => {
                self.next_rest = 1;
                self.try_larger(rate);
            }
            Some(_) => {
                self.set(self.size / 2);
                self.rest = self.next_rest;
                self.next_rest = (2 * self.next_rest).min(LONGEST_REST);
            }
            None if self.rest > 0 => self.rest -= 1,
            None => self.try_larger(rate),
        }
    }

    fn try_larger(&mut self, rate: f64) {
        if self.size < MOST {
            self.set(2 * self.size);
            self.before = Some(rate);
        }
    }

    fn set(&mut self, size: usize) {
        self.size = size;
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Brokers that acknowledge `capacity` events a second at most, and each after `latency` seconds at least.
    struct Brokers {
        capacity: f64,
        latency: f64,
    }

    impl Brokers {
        fn rate(&self, window: usize) -> f64 {
            self.capacity.min(window as f64 / self.latency)
        }
    }

    /// How large the window is after so many measurements.
    fn sizes(brokers: &Brokers, measurements: usize, is_full: bool) -> Vec<usize> {
        let (mut window, mut now) = (Window::new(), Instant::now());
        let mut measure = || {
            window.acknowledged = WINDOWS * window.size;
            window.sent(if is_full { window.size } else { window.size - 1 });
            now += Duration::from_secs_f64(window.acknowledged as f64 / brokers.rate(window.size));
            window.measure(now);
            window.size
        };
        (0..measurements).map(|_| measure()).collect()
    }

    proptest! {
        #[test]
        fn it_grows_to_what_keeps_the_brokers_busy_and_mostly_not_beyond(
            capacity in 1_000.0..1e6f64, latency in 0.000_5..0.5f64,
        ) {
            let brokers = Brokers { capacity, latency };
            let sizes = sizes(&brokers, 2_000, true);
            let last = sizes[sizes.len() - 200..].to_vec();
            let most = brokers.rate(MOST);
            prop_assert!(last.iter().all(|size| brokers.rate(*size) >= most / GAIN * 0.999), "{last:?}");
            let needed = (capacity * latency) as usize;
            let beyond = last.iter().filter(|size| **size > LEAST && **size > 2 * needed).count();
            prop_assert!(beyond * 10 <= last.len(), "{beyond} of {}", last.len());
        }

        #[test]
        fn it_does_not_grow_while_it_is_not_full(capacity in 1_000.0..1e6f64, latency in 0.000_5..0.5f64) {
            let sizes = sizes(&Brokers { capacity, latency }, 100, false);
            prop_assert!(sizes.iter().all(|size| *size == LEAST));
        }
    }
}
