use std::{fmt::Display, io::Write, time::SystemTime};

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
    pub(crate) failed_at: SystemTime,
}

/// The headers that a dead letter has besides its record's: what became of that.
pub(crate) struct Headers {
    /// One value after the other.
    values: Vec<u8>,
    /// The name of each header, and where its value ends.
    added: Vec<(&'static str, usize)>,
}

/// What most of them fit into.
const USUAL: usize = 480;

/// How many headers most records have at most.
const USUAL_OWN: usize = 6;

/// How many there are at most.
const MOST: usize = 12;

macro_rules! name {
    ($name:literal) => {
        concat!("dead-letter-", $name)
    };
}

impl Headers {
    pub(crate) fn of(record: &Record<'_>, obituary: &Obituary<'_>) -> Self {
        let mut headers = Self { values: Vec::with_capacity(USUAL), added: Vec::with_capacity(MOST) };
        headers.add(name!("topic"), LIMIT, record.topic());
        headers.add(name!("partition"), LIMIT, record.partition());
        headers.add(name!("offset"), LIMIT, record.offset());
        if let Some(timestamp) = record.timestamp() {
            headers.add(name!("timestamp"), LIMIT, timestamp.millis);
        }
        // It is bounded, and must be whole.
        headers.add_bytes(dead_letter_path::HEADER, usize::MAX, obituary.path);
        headers.add(name!("consumer"), LIMIT, &record.origin().consumer);
        headers.add(name!("group"), LIMIT, obituary.group);
        if let Some(event) = obituary.event {
            headers.add_bytes(name!("event"), LIMIT, event);
        }
        headers.add(name!("handler"), LIMIT, obituary.handler);
        headers.add(name!("attempts"), LIMIT, obituary.attempts);
        headers.add(name!("error"), ERROR_LIMIT, Chain(obituary.failure));
        let since_epoch = obituary.failed_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        headers.add(name!("time"), LIMIT, since_epoch.as_millis());
        headers
    }

    fn add(&mut self, name: &'static str, limit: usize, value: impl Display) {
        let start = self.values.len();
        // Writing into memory does not fail.
        let _ = write!(self.values, "{value}");
        self.end(name, start, limit);
    }

    fn add_bytes(&mut self, name: &'static str, limit: usize, value: &[u8]) {
        let start = self.values.len();
        self.values.extend_from_slice(value);
        self.end(name, start, limit);
    }

    fn end(&mut self, name: &'static str, start: usize, limit: usize) {
        cut(&mut self.values, start, limit);
        self.added.push((name, self.values.len()));
    }

    /// All headers of the dead letter: the record's own, byte for byte and in their order, and then these.
    pub(crate) fn after_those_of<'h>(&'h self, record: &Record<'h>) -> Vec<RawHeader<'h>> {
        let own = record.headers().iter();
        let mut all = Vec::with_capacity(USUAL_OWN + self.added.len());
        all.extend(own.filter(|(name, _)| !name.starts_with(DEAD_LETTER_PREFIX.as_bytes())));
        let mut start = 0;
        all.extend(self.added.iter().map(|(name, end)| {
            let value = &self.values[start..*end];
            start = *end;
            (name.as_bytes(), Some(value))
        }));
        all
    }
}

/// Cuts off what follows the first `limit` bytes of a value that begins at `start`, and marks that. A character is not cut in two.
fn cut(values: &mut Vec<u8>, start: usize, limit: usize) {
    let value = &values[start..];
    if value.len() <= limit {
        return;
    }
    let begins_a_char = |end: &usize| !matches!(value[*end], 0x80..0xc0);
    let end = (limit.saturating_sub(3)..=limit).rev().find(begins_a_char).unwrap_or(limit);
    values.truncate(start + end);
    values.extend_from_slice(CUT.as_bytes());
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
            failed_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1234),
        }
    }

    /// A header: its name, and its value or null.
    type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

    fn headers(record: &OwnedRecord, obituary: &Obituary<'_>) -> Vec<OwnedHeader> {
        let (added, record) = (Headers::of(&record.as_record(), obituary), record.as_record());
        let all = added.after_those_of(&record).into_iter();
        all.map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect()
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
        let headers = headers(&with_headers(&[]), &obituary(&failure));
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
        let headers = headers(&record, &obituary);
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
            let once = headers(&with_headers(&own), &obituary(&failure));
            prop_assert_eq!(&once[..own.len()], &own[..]);
            let twice = headers(&with_headers(&once), &obituary(&failure));
            prop_assert_eq!(&once, &twice);
            let added: usize = once[own.len()..].iter().map(|(n, v)| n.len() + v.as_ref().map_or(0, Vec::len)).sum();
            prop_assert!(added < ERROR_LIMIT + 500);
        }
    }
}
