//! The settled records above a committed offset, as text for the commit's metadata.
//!
//! ```text
//! metadata = "evkafka/1:" base64(form body)
//! form     = 0: body is pairs of varints, (how many offsets are not settled, how many after them are), from the committed
//!               offset on
//!            1: body is a bitmap, the committed offset being the lowest bit of the first byte
//! ```
//!
//! The shorter of the two is written. Base64 is the standard alphabet without padding; a varint has 7 bits in each byte, the
//! lowest first, and the highest bit set on all but the last (LEB128). Brokers take 4,096 bytes of metadata unless they are set to
//! another limit (`offset.metadata.max.bytes`), and librdkafka only ASCII without NUL.

use std::ops::Range;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};

const PREFIX: &str = "evkafka/1:";
/// What begins like this is ours, perhaps of a later version.
const OURS: &str = "evkafka/";
/// The most bytes before base64: with it and the prefix, 4,010 characters.
const MOST_BYTES: usize = 3_000;
/// So many offsets always fit, whatever is settled among them.
pub(super) const ALWAYS_FITS: u64 = (MOST_BYTES as u64 - 1) * 8;
/// So many runs always fit, whatever lies between them, if all of it is less than 2²⁸ offsets (two varints of 4 bytes each).
pub(super) const RUNS_THAT_FIT: usize = (MOST_BYTES - 1) / 8;

const RUNS: u8 = 0;
const BITMAP: u8 = 1;

/// Settled records, as runs of offsets: apart from each other, in order, none of them empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SettledAhead(Vec<Range<i64>>);

/// What was found in a commit's metadata.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Progress; nothing, if the metadata is empty.
    Progress(SettledAhead),
    /// Something of somebody else's, or of another version of evkafka.
    Foreign,
    /// It says that it is ours and is not.
    Broken,
}

impl SettledAhead {
    /// The runs must be in order, apart from each other, and not empty.
    pub(crate) fn new(runs: Vec<Range<i64>>) -> Self {
        debug_assert!(runs.iter().all(|run| run.start < run.end));
        debug_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start));
        Self(runs)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, offset: i64) -> bool {
        let behind = self.0.partition_point(|run| run.end <= offset);
        self.0.get(behind).is_some_and(|run| run.start <= offset)
    }

    /// All of it, and what `later` has from `from` on, where this ends.
    pub(crate) fn followed_by(mut self, later: &Self, from: i64) -> Self {
        let first = later.0.partition_point(|run| run.end <= from);
        for run in &later.0[first..] {
            let run = run.start.max(from)..run.end;
            match self.0.last_mut() {
                Some(last) if last.end >= run.start => last.end = run.end,
                _ => self.0.push(run),
            }
        }
        self
    }

    /// How many offsets are settled.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|run| run.end.abs_diff(run.start)).sum()
    }

    /// The metadata of a commit of `committed`, below which everything is settled: at most `limit` bytes. Empty if nothing above it
    /// is settled, or nothing fits. The highest runs are left out if not all of them fit.
    pub(crate) fn encode(&self, committed: i64, limit: usize) -> String {
        let Some(last) = self.0.last() else { return String::new() };
        let most = (limit.saturating_sub(PREFIX.len()) * 3 / 4).min(MOST_BYTES);
        let bitmap_bytes =
            1 + usize::try_from(last.end.abs_diff(committed).div_ceil(8)).unwrap_or(usize::MAX);
        let bytes = match self.as_runs(committed, bitmap_bytes.min(most)) {
            (bytes, true) => bytes,
            (_, false) if bitmap_bytes <= most => self.as_bitmap(committed, bitmap_bytes),
            (bytes, false) => bytes,
        };
        // The first byte says in which form the others are.
        if bytes.len() > 1 { format!("{PREFIX}{}", BASE64.encode(bytes)) } else { String::new() }
    }

    /// At most so many bytes, and whether that is all of it.
    fn as_runs(&self, committed: i64, most: usize) -> (Vec<u8>, bool) {
        let mut bytes = vec![RUNS];
        let mut position = committed;
        for run in &self.0 {
            let before = bytes.len();
            varint(&mut bytes, run.start.abs_diff(position));
            varint(&mut bytes, run.end.abs_diff(run.start));
            if bytes.len() > most {
                bytes.truncate(before);
                return (bytes, false);
            }
            position = run.end;
        }
        (bytes, true)
    }

    fn as_bitmap(&self, committed: i64, bytes: usize) -> Vec<u8> {
        let mut bitmap = vec![0; bytes];
        bitmap[0] = BITMAP;
        for offset in self.0.iter().flat_map(Clone::clone) {
            let bit = offset.abs_diff(committed) as usize;
            bitmap[1 + bit / 8] |= 1 << (bit % 8);
        }
        bitmap
    }

    /// Reads the metadata of a commit of `committed`.
    pub(crate) fn decode(committed: i64, metadata: &str) -> Found {
        if metadata.is_empty() {
            return Found::Progress(Self::default());
        }
        let Some(text) = metadata.strip_prefix(PREFIX) else {
            return if metadata.starts_with(OURS) { Found::Broken } else { Found::Foreign };
        };
        let runs = BASE64.decode(text).ok().and_then(|bytes| match bytes.split_first()? {
            (&RUNS, body) => from_runs(committed, body),
            (&BITMAP, body) => from_bitmap(committed, body),
            _ => None,
        });
        runs.map_or(Found::Broken, |runs| Found::Progress(Self(runs)))
    }
}

fn from_runs(committed: i64, mut body: &[u8]) -> Option<Vec<Range<i64>>> {
    let mut runs = Vec::new();
    let mut position = committed;
    while !body.is_empty() {
        let start = position.checked_add_unsigned(read_varint(&mut body)?)?;
        let end = start.checked_add_unsigned(read_varint(&mut body)?)?;
        let apart = runs.last().is_none_or(|last: &Range<i64>| last.end < start);
        if start == end || !apart {
            return None;
        }
        runs.push(start..end);
        position = end;
    }
    Some(runs)
}

fn from_bitmap(committed: i64, body: &[u8]) -> Option<Vec<Range<i64>>> {
    let mut runs: Vec<Range<i64>> = Vec::new();
    for bit in (0..body.len() * 8).filter(|bit| body[bit / 8] & (1 << (bit % 8)) != 0) {
        let offset = committed.checked_add_unsigned(bit as u64)?;
        let end = offset.checked_add(1)?;
        match runs.last_mut() {
            Some(last) if last.end == offset => last.end = end,
            _ => runs.push(offset..end),
        }
    }
    Some(runs)
}

fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        number |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(committed: i64, metadata: &str) -> SettledAhead {
        match SettledAhead::decode(committed, metadata) {
            Found::Progress(progress) => progress,
            found => panic!("{found:?}: {metadata}"),
        }
    }

    /// Runs above `committed`, each after a gap.
    fn ahead(committed: i64, runs: &[(u32, u32)]) -> SettledAhead {
        let mut position = committed;
        let runs = runs.iter().map(|(gap, length)| {
            let start = position + i64::from(*gap);
            position = start + i64::from(*length);
            start..position
        });
        SettledAhead::new(runs.collect())
    }

    #[test]
    fn nothing_ahead_is_no_metadata() {
        assert_eq!(SettledAhead::default().encode(7, 4096), "");
        assert_eq!(decoded(7, ""), SettledAhead::default());
    }

    /// The format of version 1, which later versions have to read.
    #[test]
    fn the_format_is_what_the_documentation_says() {
        assert_eq!(
            ahead(10, &[(1, 2), (200, 1)]).encode(10, 4096),
            format!("evkafka/1:{}", BASE64.encode([0, 1, 2, 0xc8, 1, 1]))
        );
        let every_other = ahead(10, &[(1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1)]);
        assert_eq!(every_other.encode(10, 4096), format!("evkafka/1:{}", BASE64.encode([1, 0xaa, 0xaa])));
    }

    #[test]
    fn what_is_not_ours_is_told_apart() {
        for foreign in ["bAJA", "{\"v\":1}", "x"] {
            assert_eq!(SettledAhead::decode(0, foreign), Found::Foreign, "{foreign}");
        }
        let overlong = format!(
            "evkafka/1:{}",
            BASE64.encode([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1])
        );
        for broken in [
            "evkafka/2:AAEC",
            "evkafka/1:",
            "evkafka/1:!",
            "evkafka/1:AAE",
            "evkafka/1:AgEC",
            "evkafka/1:AAEA",
            &overlong,
        ] {
            assert_eq!(SettledAhead::decode(0, broken), Found::Broken, "{broken}");
        }
        assert_eq!(SettledAhead::decode(i64::MAX, "evkafka/1:AAEC"), Found::Broken, "beyond the last offset");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            committed in 0..1_i64 << 40,
            runs in prop::collection::vec((1..300_u32, 1..300_u32), 0..60),
        ) {
            let ahead = ahead(committed, &runs);
            let metadata = ahead.encode(committed, 4096);
            prop_assert!(metadata.len() <= 4096 && metadata.is_ascii());
            prop_assert_eq!(decoded(committed, &metadata), ahead);
        }

        #[test]
        fn what_should_fit_does(
            committed in 0..1_i64 << 40,
            seed in prop::collection::vec((1..3_u32, 1..3_u32), 12_000),
            gaps in prop::collection::vec((1..600_000_u32, 1..100_000_u32), RUNS_THAT_FIT),
        ) {
            // As many short runs as there can be within the span, and as many far apart.
            let mut short = ahead(committed, &seed);
            short.0.retain(|run| run.end.abs_diff(committed) <= ALWAYS_FITS);
            for ahead in [short, ahead(committed, &gaps)] {
                let metadata = ahead.encode(committed, 4096);
                prop_assert!(metadata.len() <= 4096);
                prop_assert_eq!(decoded(committed, &metadata), ahead);
            }
        }

        #[test]
        fn what_does_not_fit_is_cut_and_says_nothing_that_is_not_so(
            committed in 0..1_i64 << 40,
            runs in prop::collection::vec((1..u32::MAX, 1..u32::MAX), 1000),
        ) {
            let ahead = ahead(committed, &runs);
            let metadata = ahead.encode(committed, 4096);
            prop_assert!(metadata.len() <= 4096);
            let read = decoded(committed, &metadata);
            prop_assert!(!read.0.is_empty() && ahead.0.starts_with(&read.0));
        }

        #[test]
        fn a_lower_limit_is_kept_and_what_fits_is_written(
            committed in 0..1_i64 << 40,
            runs in prop::collection::vec((1..300_u32, 1..300_u32), 0..60),
            limit in 0..600_usize,
        ) {
            let ahead = ahead(committed, &runs);
            let metadata = ahead.encode(committed, limit);
            prop_assert!(metadata.len() <= limit);
            let read = decoded(committed, &metadata);
            prop_assert!(ahead.0.starts_with(&read.0));
            prop_assert!(read == ahead || ahead.encode(committed, 4096).len() > limit);
        }

        #[test]
        fn what_follows_is_added_from_there_on(
            runs in prop::collection::vec((1..4_u32, 1..4_u32), 0..10),
            later in prop::collection::vec((1..4_u32, 1..4_u32), 0..20),
        ) {
            let (ahead, later) = (ahead(3, &runs), ahead(1, &later));
            let from = ahead.0.last().map_or(3, |run| run.end);
            let both = ahead.clone().followed_by(&later, from);
            for offset in 0..120 {
                let contained = ahead.contains(offset) || (offset >= from && later.contains(offset));
                prop_assert_eq!(both.contains(offset), contained, "{}", offset);
            }
            prop_assert!(both.0.windows(2).all(|pair| pair[0].end < pair[1].start));
        }

        #[test]
        fn contains_what_its_runs_contain(runs in prop::collection::vec((1..4_u32, 1..4_u32), 0..10), offset in 0..80_i64) {
            let ahead = ahead(3, &runs);
            prop_assert_eq!(ahead.contains(offset), ahead.0.iter().any(|run| run.contains(&offset)));
        }

        #[test]
        fn whatever_is_read_does_not_panic(committed: i64, text in "(evkafka/1:)?[A-Za-z0-9+/]{0,40}", bytes: Vec<u8>) {
            let _ = SettledAhead::decode(committed, &text);
            let metadata = format!("{PREFIX}{}", BASE64.encode(bytes));
            if let Found::Progress(progress) = SettledAhead::decode(committed, &metadata) {
                prop_assert!(progress.0.iter().all(|run| run.start < run.end && run.start >= committed));
                prop_assert!(progress.0.windows(2).all(|pair| pair[0].end < pair[1].start));
            }
        }
    }
}
