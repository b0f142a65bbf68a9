//! A record as it came from a partition, before anything is known about its event.
//!
//! [`Record`] is a cheap view: it borrows key, payload and headers from wherever they lie (librdkafka's fetch
//! buffer, or an [`OwnedRecord`]) and copies nothing.

mod headers;
mod origin;
mod owned;
mod timestamp;

use std::fmt;

use crate::shown::Hidden;

pub(crate) use self::timestamp::Written;
pub use self::{
    headers::{Headers, HeadersIter},
    origin::Origin,
    owned::OwnedRecord,
    timestamp::{Timestamp, TimestampKind},
};

/// A view of one record. `'r` is the time for which the record stays in memory: until its handler is done.
#[derive(Clone, Copy)]
pub struct Record<'r> {
    pub(crate) origin: &'r Origin,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) key: Option<&'r [u8]>,
    pub(crate) payload: Option<&'r [u8]>,
    pub(crate) headers: Headers<'r>,
}

/// Without values, which may be personal data: how long key and payload are, and the names of the headers.
impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("origin", &self.origin)
            .field("offset", &self.offset)
            .field("timestamp", &self.timestamp)
            .field("key", &Hidden(self.key))
            .field("payload", &Hidden(self.payload))
            .field("headers", &self.headers)
            .finish()
    }
}

impl<'r> Record<'r> {
    /// The partition that the record was read from.
    pub fn origin(&self) -> &'r Origin {
        self.origin
    }

    /// The topic's name.
    pub fn topic(&self) -> &'r str {
        &self.origin.topic
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        self.origin.partition
    }

    /// The record's offset in its partition.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// When the record was written; `None` if the producer gave no time (message format 0).
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// The key's bytes; `None` for a null key.
    pub fn key(&self) -> Option<&'r [u8]> {
        self.key
    }

    /// The payload's bytes; `None` for a null payload (a tombstone).
    pub fn payload(&self) -> Option<&'r [u8]> {
        self.payload
    }

    /// The record's headers.
    pub fn headers(&self) -> Headers<'r> {
        self.headers
    }

    /// When it was written, if that is known.
    #[inline]
    pub(crate) fn written(&self) -> Written {
        Written::of(self.timestamp)
    }

    /// How many bytes key and payload are.
    pub(crate) fn bytes_without_headers(&self) -> u64 {
        let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
        of(self.key) + of(self.payload)
    }

    /// How many bytes key, payload and headers are.
    pub(crate) fn bytes(&self) -> u64 {
        let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
        let headers = self.headers.iter().map(|(name, value)| name.len() as u64 + of(value));
        of(self.key) + of(self.payload) + headers.sum::<u64>()
    }
}
