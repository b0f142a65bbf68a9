//! What tells an event from all others: its id, and the time at which it was made. An event that is sent again has the same.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// The events of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    number: u64,
    /// Since 1970.
    pub(super) millis: i64,
}

/// The keys of a pseudo-random function, from the system's own randomness: what it makes of numbers that are never the same is as unique as
/// random bits, across processes too.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

static NEXT: AtomicU64 = AtomicU64::new(0);

/// The last millisecond of the year 9999, behind which there is no date of this form.
const LAST: i64 = 253_402_300_799_999;

impl Stamp {
    /// For a call whose events are made now.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            number: NEXT.fetch_add(1, Relaxed),
            millis: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// The id of the event at this place of the call: a random UUID (version 4).
    pub(super) fn id(self, place: u32) -> String {
        let half = |half: u8| u128::from(KEYS.hash_one((self.number, place, half)));
        let bits = half(0) << 64 | half(1);
        let bits = bits & !(0xf << 76) | 0x4 << 76;
        let bits = bits & !(0b11 << 62) | 0b10 << 62;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 64 & 0xffff,
            bits >> 48 & 0xffff,
            bits & 0xffff_ffff_ffff
        )
    }
}

/// A time in RFC 3339's form, in UTC: `2026-02-28T23:59:59.007Z`.
pub(super) fn rfc_3339(millis: i64) -> String {
    let millis = millis.clamp(0, LAST);
    let (days, within) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (within / 3_600_000, within / 60_000 % 60, within / 1000 % 60);
    let millis = within % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The days of 400 years.
const ERA: i64 = 146_097;

/// Those from March of the year 0 to 1970.
const TO_1970: i64 = 719_468;

/// The date of a day since 1970, by counting in years that begin in March, so that a leap day is the last of its year.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + TO_1970;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_772_323_199_007, "2026-02-28T23:59:59.007Z"),
            (1_772_323_200_000, "2026-03-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (-1, "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc_3339(millis), text);
        }
    }

    #[test]
    fn every_event_has_an_id_of_its_own_that_it_keeps() {
        let stamps: Vec<_> = (0..1000).map(|_| Stamp::now()).collect();
        let ids = || stamps.iter().flat_map(|stamp| (0..3).map(|place| stamp.id(place)));
        assert_eq!(ids().collect::<BTreeSet<_>>().len(), 3000);
        assert!(ids().eq(ids()));
        for id in ids() {
            let parts: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
            assert!(
                id.as_bytes()[14] == b'4' && matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'),
                "{id}"
            );
        }
    }
}
