use std::{
    fmt,
    time::{Duration, SystemTime},
};

use crate::{engine::Destination, record::Origin, source::Place};

/// How long the brokers have to say where a seek leads.
pub(super) const LOOK_UP: Duration = Duration::from_secs(10);

/// Where a [`seek`](super::Control::seek) leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeekTo {
    /// To the start of the log.
    Earliest,
    /// To its end: to what is written from now on.
    Latest,
    /// To the record at this offset, or the first one after it. An error if the log starts after it, or ends before it.
    Offset(i64),
    /// To the first record with this timestamp or a later one; to the end if there is none.
    Time(SystemTime),
}

impl SeekTo {
    pub(super) fn destination(self) -> Destination {
        match self {
            Self::Earliest => Destination::Place(Place::Start),
            Self::Latest => Destination::Place(Place::End),
            Self::Offset(offset) => Destination::Offset(offset),
            Self::Time(time) => Destination::Place(Place::Time(millis(time))),
        }
    }
}

/// Since 1970. A record is found whose timestamp is no earlier than `time`, so a part of a millisecond counts as one.
fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

impl fmt::Display for SeekTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("the start of the log"),
            Self::Latest => f.write_str("the end of the log"),
            Self::Offset(offset) => write!(f, "offset {offset}"),
            Self::Time(time) => write!(f, "the time {} ms", millis(*time)),
        }
    }
}

/// A partition that continues elsewhere, because of a [`seek`](super::Control::seek).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sought {
    /// The partition.
    pub partition: Origin,
    /// The offset that it continues at.
    pub offset: i64,
}

impl fmt::Display for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} continues at offset {}", self.partition, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_up_to_the_millisecond_that_is_no_earlier() {
        let at = |nanos| millis(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos));
        assert_eq!([at(0), at(1), at(1_000_000), at(1_000_001)], [0, 1, 1, 2]);
        assert_eq!(millis(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
