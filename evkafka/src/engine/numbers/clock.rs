use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(any(test, feature = "testing"))]
use tokio::time::Instant;

use crate::native::monotonic_nanos;

/// What a consumer's moments are read from.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), derive(Default))]
pub(in crate::engine) enum Clock {
    #[cfg_attr(not(test), default)]
    System,
    /// tokio's, which a test may pause.
    #[cfg(any(test, feature = "testing"))]
    Tokios(Instant),
}

/// A moment, in nanoseconds: half as large as an [`Instant`](std::time::Instant), and subtracted in one instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) struct Moment(u64);

#[cfg(test)]
impl Default for Clock {
    fn default() -> Self {
        Self::tokios()
    }
}

impl Clock {
    #[cfg(any(test, feature = "testing"))]
    pub(in crate::engine) fn tokios() -> Self {
        Self::Tokios(Instant::now())
    }

    /// Reads the clock.
    #[inline(always)]
    pub(in crate::engine) fn now(self) -> Moment {
        match self {
            Self::System => Moment(monotonic_nanos()),
            #[cfg(any(test, feature = "testing"))]
            Self::Tokios(origin) => Moment(u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)),
        }
    }
}

impl Moment {
    /// When a call began, if none has begun.
    pub(in crate::engine) const NEVER: Self = Self(u64::MAX);

    /// How many nanoseconds lie between an earlier moment of the same clock and this one.
    #[inline]
    pub(in crate::engine) fn since(self, earlier: Self) -> u64 {
        self.0.wrapping_sub(earlier.0)
    }

    #[inline]
    pub(super) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Milliseconds since 1970, by the system's clock.
pub(super) fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What the system's clock shows at a moment, as of the last time that it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wall {
    millis: i64,
    at: Moment,
}

impl Wall {
    /// Reads the system's clock.
    pub(super) fn read(now: Moment) -> Self {
        Self { millis: wall_millis(), at: now }
    }

    pub(super) fn millis_at(self, moment: Moment) -> i64 {
        let since = moment.since(self.at) / 1_000_000;
        self.millis.saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_clock_goes_on() {
        let clock = Clock::System;
        let begun = clock.now();
        while clock.now().since(begun) == 0 {}
        assert!(clock.now() > begun);
    }
}
