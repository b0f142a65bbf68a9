//! `traceparent` and `tracestate` of any bytes are read, or count as none; what is read is written as it was.
//!
//! Input: the one, a line feed, the other.
#![no_main]

use evkafka::__private::fuzzing::{headers_of_span, sender};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (parent, state) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let read = sender(parent, state);
    assert_eq!(read.is_some(), is_parent(parent), "{:?}", String::from_utf8_lossy(parent));
    let Some(span) = read else { return };
    assert!(span.is_valid() && span.is_remote());
    let members = span.trace_state().into_iter().count();
    assert!(members <= 32 && (members == 0 || state.len() <= 512));

    let headers = headers_of_span(&span);
    let value = |index: usize| headers.get(index).and_then(|(_, value)| value.clone()).unwrap_or_default();
    assert_eq!(value(0)[3..52], parent[3..52]);
    assert_eq!(sender(&value(0), &value(1)), Some(span));
});

/// Whether it is a `traceparent`, said in another way.
fn is_parent(value: &[u8]) -> bool {
    // What follows the flags in a later version may be anything.
    let text = String::from_utf8_lossy(value);
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let [version, trace, span, flags, more @ ..] = &parts[..] else { return false };
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
    };
    let is_not_zero = |part: &str| part.bytes().any(|digit| digit != b'0');
    is_hex(version, 2)
        && is_hex(trace, 32)
        && is_hex(span, 16)
        && is_hex(flags, 2)
        && *version != "ff"
        && (more.is_empty() || *version != "00")
        && is_not_zero(trace)
        && is_not_zero(span)
}
