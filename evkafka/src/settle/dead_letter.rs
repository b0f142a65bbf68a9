use std::{fmt::Write, time::SystemTime};

use super::{Failure, dead_letter_path};
use crate::{error::Chain, native::RawHeader, record::Record};

/// What the headers that a dead letter is given begin with. A record that has such headers, because it was a dead letter
/// before, loses them: it does not grow with each pass.
pub const DEAD_LETTER_PREFIX: &str = "dead-letter-";

/// The most bytes of an error that a dead letter carries.
const ERROR_LIMIT: usize = 2048;

/// The most bytes of any other header that is added: whatever a producer or a type's name comes to, a dead letter is not much
/// larger than its record.
const LIMIT: usize = 500;

/// What follows a value that was cut.
const CUT: &str = "…";

/// A header: its name, and its value or null.
pub(crate) type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

/// The same, borrowed.
pub(crate) fn raw_headers(headers: &[OwnedHeader]) -> Vec<RawHeader<'_>> {
    headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect()
}

/// What is said of a record that becomes a dead letter, beside the record itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Obituary<'o> {
    /// The record's [path](super::DeadLetterPath), with the topic that it is sent to.
    pub(crate) path: &'o [u8],
    pub(crate) group: &'o str,
    pub(crate) handler: &'o str,
    pub(crate) event: Option<&'o [u8]>,
    pub(crate) attempts: u32,
    pub(crate) failure: &'o Failure,
    pub(crate) now: SystemTime,
}

/// The headers of a dead letter: the record's own, byte for byte and in their order, then what became of it.
pub(crate) fn headers(record: &Record<'_>, obituary: &Obituary<'_>) -> Vec<OwnedHeader> {
    let own = record
        .headers()
        .iter()
        .filter(|(name, _)| !name.starts_with(DEAD_LETTER_PREFIX.as_bytes()))
        .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)));
    let mut headers: Vec<OwnedHeader> = own.collect();
    let mut add = |name: &str, value: &[u8]| {
        let limit = match name {
            "error" => ERROR_LIMIT,
            // It is bounded, and must be whole.
            dead_letter_path::NAME => usize::MAX,
            _ => LIMIT,
        };
        headers.push((format!("{DEAD_LETTER_PREFIX}{name}").into_bytes(), Some(cut(value, limit))));
    };
    add("topic", record.topic().as_bytes());
    add("partition", record.partition().to_string().as_bytes());
    add("offset", record.offset().to_string().as_bytes());
    if let Some(timestamp) = record.timestamp() {
        add("timestamp", timestamp.millis.to_string().as_bytes());
    }
    add(dead_letter_path::NAME, obituary.path);
    add("consumer", record.origin().consumer.as_bytes());
    add("group", obituary.group.as_bytes());
    if let Some(event) = obituary.event {
        add("event", event);
    }
    add("handler", obituary.handler.as_bytes());
    add("attempts", obituary.attempts.to_string().as_bytes());
    add("error", error_text(obituary.failure).as_bytes());
    let since_epoch = obituary.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    add("time", since_epoch.as_millis().to_string().as_bytes());
    headers
}

/// The failure and its causes.
fn error_text(failure: &Failure) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{}", Chain(failure));
    text
}

/// The first bytes of a value and a mark, if it is longer than `limit`. A character is not cut in two.
fn cut(value: &[u8], limit: usize) -> Vec<u8> {
    if value.len() <= limit {
        return value.to_vec();
    }
    let begins_a_char = |end: &usize| !matches!(value[*end], 0x80..0xc0);
    let end = (limit.saturating_sub(3)..=limit).rev().find(begins_a_char).unwrap_or(limit);
    [&value[..end], CUT.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        record::{OwnedRecord, Timestamp, TimestampKind},
        settle::FailureKind,
    };

    fn obituary(failure: &Failure) -> Obituary<'_> {
        Obituary {
            path: b"orders,orders.dead",
            group: "billing",
            handler: "app::on_order",
            event: Some(b"Order"),
            attempts: 3,
            failure,
            now: SystemTime::UNIX_EPOCH + Duration::from_millis(1234),
        }
    }

    fn with_headers(headers: &[OwnedHeader]) -> OwnedRecord {
        let record = OwnedRecord::new("orders", 3, 42).timestamp(Timestamp::new(99, TimestampKind::Create));
        headers.iter().fold(record, |record, (name, value)| match value {
            Some(value) => record.header(name.clone(), value.clone()),
            None => record.null_header(name.clone()),
        })
    }

    #[test]
    fn says_what_became_of_the_record() {
        let failure = Failure::new(FailureKind::Error, "the ledger is closed");
        let headers = headers(&with_headers(&[]).as_record(), &obituary(&failure));
        let text = |(name, value): &OwnedHeader| {
            let value = value.as_deref().map(String::from_utf8_lossy);
            format!("{}={}", String::from_utf8_lossy(name), value.unwrap_or_default())
        };
        assert_eq!(
            headers.iter().map(text).collect::<Vec<_>>(),
            [
                "dead-letter-topic=orders",
                "dead-letter-partition=3",
                "dead-letter-offset=42",
                "dead-letter-timestamp=99",
                "dead-letter-path=orders,orders.dead",
                "dead-letter-consumer=",
                "dead-letter-group=billing",
                "dead-letter-event=Order",
                "dead-letter-handler=app::on_order",
                "dead-letter-attempts=3",
                "dead-letter-error=the handler failed: the ledger is closed",
                "dead-letter-time=1234",
            ]
        );
    }

    #[test]
    fn what_is_added_is_bounded_and_marked_where_it_is_cut() {
        let long = "é".repeat(300_000);
        let failure = Failure::new(FailureKind::Error, long.clone());
        let mut obituary = obituary(&failure);
        (obituary.group, obituary.handler) = (&long, &long);
        let event = vec![0xa9; 600_000];
        obituary.event = Some(&event);
        let record = OwnedRecord::new(long.as_str(), 3, 42).consumer(long.as_str());
        let headers = headers(&record.as_record(), &obituary);
        let size = |(name, value): &OwnedHeader| name.len() + value.as_ref().map_or(0, Vec::len);
        assert!(headers.iter().map(size).sum::<usize>() < ERROR_LIMIT + 6 * LIMIT);
        for name in ["topic", "consumer", "group", "handler", "error", "event"] {
            let (_, value) =
                headers.iter().find(|(other, _)| other == format!("dead-letter-{name}").as_bytes()).unwrap();
            let value = value.as_deref().unwrap();
            assert!(value.ends_with("…".as_bytes()) && value.len() >= LIMIT, "{name}");
            assert!(name == "event" || str::from_utf8(value).is_ok(), "{name}: no character is cut in two");
        }
    }

    proptest! {
        #[test]
        fn keeps_the_records_own_headers_and_does_not_grow_with_a_second_pass(
            own in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..8), prop::option::of(prop::collection::vec(any::<u8>(), 0..8))), 0..6,
            ),
            error in ".{0,3000}",
        ) {
            let failure = Failure::new(FailureKind::Error, error);
            let once = headers(&with_headers(&own).as_record(), &obituary(&failure));
            prop_assert_eq!(&once[..own.len()], &own[..]);
            let twice = headers(&with_headers(&once).as_record(), &obituary(&failure));
            prop_assert_eq!(&once, &twice);
            let added: usize = once[own.len()..].iter().map(|(n, v)| n.len() + v.as_ref().map_or(0, Vec::len)).sum();
            prop_assert!(added < ERROR_LIMIT + 500);
        }
    }
}
