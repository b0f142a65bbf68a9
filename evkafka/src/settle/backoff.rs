use std::time::Duration;

/// How long to wait before the next attempt: exponentially longer, up to a limit, with jitter.
///
/// The wait before attempt `n + 1` is `initial · 2ⁿ⁻¹`, at most `max`, of which a random part (up to a half, unless
/// [`jitter`](Self::jitter) says otherwise) is taken off, so that many consumers that failed together do not come back
/// together.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    pub(crate) initial: Duration,
    pub(crate) max: Duration,
    jitter: f64,
}

/// The shortest wait.
const SHORTEST: Duration = Duration::from_millis(1);

impl Backoff {
    /// A wait of `initial` after the first failure, doubled after each further one, never longer than `max`.
    ///
    /// No wait is shorter than one millisecond, whatever is set: a failing handler must not become a hot loop.
    pub const fn exponential(initial: Duration, max: Duration) -> Self {
        Self { initial, max, jitter: 0.5 }
    }

    /// The same wait after each failure.
    pub const fn constant(wait: Duration) -> Self {
        Self::exponential(wait, wait)
    }

    /// Sets the part of the wait, from 0 (none) to 1 (all of it), that chance may take off. Values outside are clamped.
    pub const fn jitter(mut self, part: f64) -> Self {
        self.jitter = if part >= 0.0 { part.min(1.0) } else { 0.0 };
        self
    }

    /// The wait after the failure of attempt `attempt` (1 for the first); `chance` is from 0 to 1.
    pub(crate) fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let wait = self.initial.saturating_mul(1 << doublings).min(self.max);
        let kept = wait.as_secs_f64() * (1.0 - self.jitter * chance.clamp(0.0, 1.0));
        // Rounding may take the longest of waits beyond what a `Duration` holds.
        Duration::try_from_secs_f64(kept).map_or(wait, |kept| kept.min(wait)).max(SHORTEST)
    }
}

/// 100 ms, doubled up to 30 s: quick enough for a hiccup of a database, slow enough not to keep it down.
impl Default for Backoff {
    fn default() -> Self {
        Self::exponential(Duration::from_millis(100), Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_up_to_its_limit() {
        let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_millis(450));
        let waits = [1, 2, 3, 4, 1000, u32::MAX].map(|attempt| backoff.wait(attempt, 0.0).as_millis());
        assert_eq!(waits, [100, 200, 400, 450, 450, 450]);
    }

    #[test]
    fn a_factor_of_nan_is_no_jitter() {
        let backoff = Backoff::constant(Duration::from_secs(1)).jitter(f64::NAN);
        assert_eq!(backoff.wait(1, 1.0), Duration::from_secs(1));
    }

    #[test]
    fn a_wait_without_end_is_one() {
        for jitter in [0.0, 0.5] {
            let backoff = Backoff::constant(Duration::MAX).jitter(jitter);
            assert_eq!(backoff.wait(1, 0.0), Duration::MAX, "{jitter}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_never_zero_and_never_beyond_the_limit(
            initial in 0u64..10_000, max in 0u64..100_000, jitter in -1.0..2.0f64, attempt: u32, chance in 0.0..=1.0f64,
        ) {
            let (initial, max) = (Duration::from_millis(initial), Duration::from_millis(max));
            let wait = Backoff::exponential(initial, max).jitter(jitter).wait(attempt, chance);
            prop_assert!(wait >= Duration::from_millis(1));
            prop_assert!(wait <= max.max(SHORTEST));
        }

        #[test]
        fn without_jitter_a_later_attempt_never_waits_less(attempt in 1u32..100, initial in 1u64..1000, max in 1u64..100_000) {
            let backoff = Backoff::exponential(Duration::from_millis(initial), Duration::from_millis(max)).jitter(0.0);
            prop_assert!(backoff.wait(attempt + 1, 0.7) >= backoff.wait(attempt, 0.3));
        }
    }
}
