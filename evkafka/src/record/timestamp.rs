use std::time::{Duration, SystemTime};

/// When a record was written, in Kafka's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timestamp {
    /// Milliseconds since the Unix epoch. A producer may send any value, a negative one too.
    pub millis: i64,
    /// Whose clock it is.
    pub kind: TimestampKind,
}

/// Whose clock a [`Timestamp`] was read from (the topic's `message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampKind {
    /// The producer's: when the record was created.
    Create,
    /// The broker's: when the record was appended to the log.
    LogAppend,
}

impl Timestamp {
    /// A moment, in milliseconds since the Unix epoch, on this clock.
    pub fn new(millis: i64, kind: TimestampKind) -> Self {
        Self { millis, kind }
    }

    /// The same moment as a [`SystemTime`]; `None` where the platform cannot represent it.
    pub fn to_system_time(self) -> Option<SystemTime> {
        let distance = Duration::from_millis(self.millis.unsigned_abs());
        if self.millis >= 0 {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        }
    }
}

/// When a record was written, if that is known, in half the space of a [`Timestamp`] that may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written(i64);

impl Written {
    pub(crate) const UNKNOWN: Self = Self(-1);

    /// What lies before 1970 says nothing: Kafka itself has -1 for no time.
    #[inline]
    pub(crate) fn of(timestamp: Option<Timestamp>) -> Self {
        timestamp.map_or(Self::UNKNOWN, |timestamp| Self(timestamp.millis))
    }

    #[inline]
    pub(crate) fn at(millis: i64) -> Self {
        Self(millis)
    }

    /// As it is kept: what is not known is beyond all times.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0 as u64
    }

    /// Milliseconds since 1970, which are not negative.
    #[inline]
    pub(crate) fn millis(self) -> Option<i64> {
        (self.0 >= 0).then_some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_1970_or_out_of_range_is_no_panic() {
        for millis in [i64::MIN, -1, 0, 1, i64::MAX] {
            let _ = Timestamp::new(millis, TimestampKind::Create).to_system_time();
        }
        let second_before = Timestamp::new(-1000, TimestampKind::Create).to_system_time();
        assert_eq!(second_before, Some(SystemTime::UNIX_EPOCH - Duration::from_secs(1)));
    }
}
