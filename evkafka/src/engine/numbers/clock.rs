use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// What a consumer's moments are read from.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Clock(Instant);

/// A moment, in nanoseconds since its consumer was made: half as large as an [`Instant`], and subtracted in one instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) struct Moment(u64);

impl Default for Clock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock {
    /// Reads the clock.
    #[inline]
    pub(in crate::engine) fn now(self) -> Moment {
        let since = Instant::now().saturating_duration_since(self.0);
        Moment(since.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(since.subsec_nanos())))
    }
}

impl Moment {
    /// How many nanoseconds lie between an earlier moment and this one.
    #[inline]
    pub(in crate::engine) fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
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
