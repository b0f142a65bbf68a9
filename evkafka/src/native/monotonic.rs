//! The system's monotonic clock, as one number.

/// Nanoseconds by a clock that never goes back, since some moment in the past. A third of what an [`Instant`](std::time::Instant) takes that is
/// read and subtracted.
#[cfg(unix)]
#[inline]
pub(crate) fn monotonic_nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place that is written to is valid. It does not fail: every system has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

#[cfg(not(unix))]
pub(crate) fn monotonic_nanos() -> u64 {
    use std::{sync::OnceLock, time::Instant};

    static BEGUN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGUN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn it_goes_as_the_clock_of_instants_does() {
        let (begun, before) = (Instant::now(), monotonic_nanos());
        let (elapsed, inner) = loop {
            let after = monotonic_nanos();
            let elapsed = begun.elapsed();
            if elapsed > Duration::from_millis(20) {
                break (elapsed, Duration::from_nanos(after - before));
            }
        };
        assert!(inner <= elapsed, "{inner:?} {elapsed:?}");
        assert!(inner > Duration::ZERO);
    }
}
