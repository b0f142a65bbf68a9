//! A commit's metadata: whatever is in it, it is read without a panic and taken for what it is; what we write fits, and is read as it
//! was.
//!
//! Input: a digit that chooses the committed offset; what follows is taken for metadata, for the bytes of metadata before base64, and
//! for the runs to be written.
#![no_main]

use std::ops::Range;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use evkafka::__private::fuzzing::{Ahead, Metadata};
use libfuzzer_sys::fuzz_target;

const COMMITTED: &[i64] = &[0, 1, 1 << 40, i64::MAX - 100_000, i64::MAX];
/// What brokers take, unless they are told otherwise.
const LONGEST: usize = 4_096;
/// The most that we write: 3,000 bytes in base64, and the prefix.
const LONGEST_OF_OURS: usize = 4_010;
/// What brokers may be told to take.
const SHORTER: [usize; 5] = [0, 9, 11, 40, 1_000];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let committed = COMMITTED[usize::from(*first) % COMMITTED.len()];
    if let Ok(text) = str::from_utf8(rest) {
        read(committed, text);
        read(committed, &format!("evkafka/1:{text}"));
    }
    read(committed, &format!("evkafka/1:{}", BASE64.encode(rest)));
    write(committed, runs(committed, rest));
});

fn read(committed: i64, text: &str) {
    match Ahead::decode(committed, text) {
        Metadata::Foreign => assert!(!text.is_empty() && !text.starts_with("evkafka/")),
        Metadata::Broken => assert!(text.starts_with("evkafka/")),
        Metadata::Progress(ahead) => {
            assert!(text.is_empty() || text.starts_with("evkafka/1:"));
            assert!(!ahead.contains(committed.wrapping_sub(1)), "what is committed is not ahead");
            let again = checked(ahead.encode(committed, LONGEST), LONGEST);
            match Ahead::decode(committed, &again) {
                // More than we write may be read: then the highest runs are left out.
                Metadata::Progress(written) if text.len() > LONGEST_OF_OURS => {
                    assert!(written.count() <= ahead.count())
                }
                found => assert_eq!(found, Metadata::Progress(ahead)),
            }
        }
    }
}

/// Runs above `committed`, each from two bytes for the gap before it and one for its length. A gap with its highest bit is a big one.
fn runs(committed: i64, data: &[u8]) -> Vec<Range<i64>> {
    let mut end = committed;
    let mut runs = Vec::new();
    for part in data.chunks_exact(3) {
        let gap = u64::from(u16::from_le_bytes([part[0], part[1]]));
        let gap = if gap >= 1 << 15 { gap << 20 } else { gap + 1 };
        let Some(start) = end.checked_add_unsigned(gap) else { break };
        let Some(next) = start.checked_add(i64::from(part[2]) + 1) else { break };
        runs.push(start..next);
        end = next;
    }
    runs
}

fn write(committed: i64, runs: Vec<Range<i64>>) {
    let kept = written(committed, &runs, LONGEST);
    // A run is eight bytes at most: a gap of six, a length of two.
    assert!(kept == runs.len() || kept >= 2_999 / 8, "{kept} of {} runs", runs.len());
    for limit in SHORTER {
        assert!(written(committed, &runs, limit) <= kept);
    }
}

/// How many of the runs are in metadata of at most `limit` bytes: the lowest.
fn written(committed: i64, runs: &[Range<i64>], limit: usize) -> usize {
    let text = checked(Ahead::new(runs.to_vec()).encode(committed, limit), limit);
    let Metadata::Progress(read) = Ahead::decode(committed, &text) else { panic!("ours: {text}") };
    let kept = runs.iter().take_while(|run| read.contains(run.start)).count();
    assert_eq!(read, Ahead::new(runs[..kept].to_vec()));
    kept
}

/// What librdkafka and the brokers ask of metadata.
fn checked(text: String, limit: usize) -> String {
    assert!(text.len() <= limit && text.is_ascii() && !text.contains('\0'), "{text}");
    text
}
