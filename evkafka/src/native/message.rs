//! A librdkafka message: a record, or an error of its partition.

use std::{
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    slice,
    sync::Arc,
};

use rdkafka::{
    bindings::{
        rd_kafka_headers_t, rd_kafka_message_t, rd_kafka_message_timestamp, rd_kafka_timestamp_type_t,
    },
    error::RDKafkaErrorCode,
};

use super::{
    NativeHeaders,
    error_code::result_at,
    headers::headers,
    retired::{Retired, destroy_headers},
};
use crate::record::{Headers, Origin, Record, Timestamp, TimestampKind};

/// What came out of a partition's queue.
pub(crate) enum Entry<'b> {
    Record(Record<'b>),
    /// librdkafka reports an error of this partition.
    Error(PartitionError),
}

/// What librdkafka has to say of a partition in place of a record.
#[derive(Clone, Debug)]
pub(crate) struct PartitionError {
    pub(crate) code: RDKafkaErrorCode,
    /// Where it is, if it is at one record.
    pub(crate) offset: Option<i64>,
    /// In librdkafka's words, which may be none.
    pub(crate) reason: String,
}

/// A record taken out of its fetch. It pins the buffer that it was fetched in.
pub(crate) struct Message {
    message: NonNull<rd_kafka_message_t>,
    known: Result<Known, RDKafkaErrorCode>,
    /// Where it goes in the end. It also keeps the client alive, into whose memory it points.
    retired: Arc<Retired>,
}

// SAFETY: the message is owned and may be read and destroyed on any thread.
unsafe impl Send for Message {}
// SAFETY: shared access only reads.
unsafe impl Sync for Message {}

impl Message {
    /// # Safety
    /// `message` is alive and given up to the new object, and no other thread has it.
    pub(super) unsafe fn new(message: NonNull<rd_kafka_message_t>, retired: Arc<Retired>) -> Self {
        // SAFETY: the caller's promise.
        let known = unsafe { Known::of(message) };
        Self { message, known, retired }
    }

    /// Gives up the message, without its headers.
    pub(super) fn into_raw(self) -> *mut rd_kafka_message_t {
        let mut message = ManuallyDrop::new(self);
        let raw = message.message.as_ptr();
        // SAFETY: owned, and whoever looked at its headers borrowed the message, which is never dropped, and its share never used again.
        unsafe {
            destroy_headers(raw);
            ptr::drop_in_place(&raw mut message.retired);
        }
        raw
    }

    /// The record that it is.
    ///
    /// # Panics
    /// If it is an error.
    pub(crate) fn record<'m>(&'m self, origin: &'m Origin) -> Record<'m> {
        match &self.known {
            // SAFETY: it is of this message, which is alive until `self` is dropped.
            Ok(known) => unsafe { known.record(self.message, origin) },
            Err(code) => unreachable!("an error is not kept: {code:?}"),
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let message = self.message.as_ptr();
        // SAFETY: owned, and never touched again; whoever looked at its headers borrowed the message.
        unsafe {
            destroy_headers(message);
            self.retired.retire(&[message]);
        }
    }
}

/// What librdkafka has to be asked for about a record: at once, while the message is in the processor's cache.
#[derive(Clone, Copy)]
struct Known {
    timestamp: Option<Timestamp>,
    headers: Option<NonNull<rd_kafka_headers_t>>,
}

impl Known {
    /// The code of the error, if it is one.
    ///
    /// # Safety
    /// `message` is alive, and no other thread calls this for it at the same time.
    #[inline]
    unsafe fn of(message: NonNull<rd_kafka_message_t>) -> Result<Self, RDKafkaErrorCode> {
        // SAFETY: the message is alive (caller).
        unsafe { result_at(&raw const (*message.as_ptr()).err)? };
        // SAFETY: the message is alive, and no other thread asks for its headers (caller).
        Ok(unsafe { Self { timestamp: timestamp(message), headers: headers(message) } })
    }

    /// The record of which this is known.
    ///
    /// # Safety
    /// It is of `message`, which is alive for `'m`.
    #[inline]
    unsafe fn record<'m>(self, message: NonNull<rd_kafka_message_t>, origin: &'m Origin) -> Record<'m> {
        // SAFETY: alive (caller).
        let message = unsafe { message.as_ref() };
        Record {
            origin,
            offset: message.offset,
            timestamp: self.timestamp,
            // SAFETY: librdkafka gives pointer and length of bytes that live as long as the message.
            key: unsafe { bytes(message.key.cast(), message.key_len) },
            // SAFETY: as for the key.
            payload: unsafe { bytes(message.payload.cast(), message.len) },
            // SAFETY: the message's own, alive as long as it is.
            headers: Headers::from_native(unsafe { NativeHeaders::new(self.headers) }),
        }
    }
}

/// # Safety
/// `message` is alive for `'m`, and no other thread calls this for it at the same time.
#[inline]
pub(super) unsafe fn read<'m>(message: NonNull<rd_kafka_message_t>, origin: &'m Origin) -> Entry<'m> {
    // SAFETY: the caller's promise.
    match unsafe { Known::of(message) } {
        // SAFETY: just now it was of this message.
        Ok(known) => Entry::Record(unsafe { known.record(message, origin) }),
        // SAFETY: the message is alive (caller).
        Err(code) => Entry::Error(unsafe { partition_error(message.as_ref(), code) }),
    }
}

/// # Safety
/// `message` is alive, and an error.
#[cold]
unsafe fn partition_error(message: &rd_kafka_message_t, code: RDKafkaErrorCode) -> PartitionError {
    // SAFETY: an error's payload is its text, of `len` bytes that live as long as the message.
    let reason = unsafe { bytes(message.payload.cast(), message.len) }.unwrap_or_default();
    PartitionError {
        code,
        offset: (message.offset >= 0).then_some(message.offset),
        reason: String::from_utf8_lossy(reason).into_owned(),
    }
}

/// # Safety
/// `start`, unless null, points to `len` bytes that live for `'b`.
unsafe fn bytes<'b>(start: *const u8, len: usize) -> Option<&'b [u8]> {
    // SAFETY: not null here; the rest is the caller's promise.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start, len) })
}

/// # Safety
/// `message` is alive.
unsafe fn timestamp(message: NonNull<rd_kafka_message_t>) -> Option<Timestamp> {
    let mut kind = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the message is alive (caller).
    let millis = unsafe { rd_kafka_message_timestamp(message.as_ptr(), &mut kind) };
    let kind = match kind {
        rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => TimestampKind::Create,
        rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => TimestampKind::LogAppend,
        rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => return None,
    };
    Some(Timestamp::new(millis, kind))
}
