use std::{
    ptr::{self, NonNull},
    slice,
    sync::Arc,
};

use rdkafka::{
    bindings::{
        rd_kafka_message_destroy, rd_kafka_message_t, rd_kafka_message_timestamp, rd_kafka_resp_err_t,
        rd_kafka_timestamp_type_t,
    },
    error::RDKafkaErrorCode,
};

use super::{ClientHandle, NativeHeaders};
use crate::record::{Headers, Origin, Record, Timestamp, TimestampKind};

/// Records taken from one partition, in order. Each is destroyed when the batch [advances](Batch::advance) past it.
pub(crate) struct Batch {
    /// `next..len` are alive, each owned by the batch; what lies before was destroyed.
    messages: Vec<*mut rd_kafka_message_t>,
    next: usize,
    len: usize,
    /// Messages point into the client's memory.
    _client: Arc<ClientHandle>,
}

// SAFETY: messages are owned by the batch and may be read and destroyed on any thread.
unsafe impl Send for Batch {}
// SAFETY: shared access only reads; what changes a message (the first look at its headers) is done by `entry`, which is
// only called by the lane that owns the batch.
unsafe impl Sync for Batch {}

/// What came out of a partition's queue.
pub(crate) enum Entry<'b> {
    Record(Record<'b>),
    /// librdkafka reports an error of this partition.
    Error(RDKafkaErrorCode),
}

impl Batch {
    pub(crate) fn new(client: Arc<ClientHandle>) -> Self {
        Self { messages: Vec::new(), next: 0, len: 0, _client: client }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.len
    }

    /// How many records have not been advanced past.
    pub(crate) fn len(&self) -> usize {
        self.len - self.next
    }

    /// Lets `fill` write messages to `slots` slots, of which it returns how many it filled.
    ///
    /// # Safety
    /// `fill` must hand over the ownership of that many messages of this batch's client, in the first slots.
    pub(super) unsafe fn refill(
        &mut self,
        slots: usize,
        fill: impl FnOnce(&mut [*mut rd_kafka_message_t]) -> usize,
    ) {
        self.clear();
        if self.messages.len() < slots {
            self.messages.resize(slots, ptr::null_mut());
        }
        self.len = fill(&mut self.messages[..slots]).min(slots);
    }

    /// Destroys what is left.
    pub(crate) fn clear(&mut self) {
        while !self.is_empty() {
            self.advance();
        }
        (self.next, self.len) = (0, 0);
    }

    /// The entry that comes next; `None` at the end.
    #[inline]
    pub(crate) fn entry<'b>(&'b self, origin: &'b Origin) -> Option<Entry<'b>> {
        self.at(self.next, origin)
    }

    /// The offset of the last record; `None` if there is no record in it.
    pub(crate) fn last_offset(&self) -> Option<i64> {
        // SAFETY: `next..len` are alive.
        let messages = self.messages[self.next..self.len].iter().map(|message| unsafe { &**message });
        messages.rev().find(|m| m.err == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).map(|m| m.offset)
    }

    fn at<'b>(&'b self, index: usize, origin: &'b Origin) -> Option<Entry<'b>> {
        if index >= self.len {
            return None;
        }
        let pointer = NonNull::new(self.messages[index])?;
        // SAFETY: `next..len` are alive, and stay so while the batch is borrowed.
        let message = unsafe { pointer.as_ref() };
        if message.err != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Some(Entry::Error(message.err.into()));
        }
        Some(Entry::Record(Record {
            origin,
            offset: message.offset,
            // SAFETY: the message is alive.
            timestamp: unsafe { timestamp(pointer) },
            // SAFETY: librdkafka gives pointer and length of bytes that live as long as the message.
            key: unsafe { bytes(message.key.cast(), message.key_len) },
            // SAFETY: as for the key.
            payload: unsafe { bytes(message.payload.cast(), message.len) },
            // SAFETY: the message is alive, and only the lane that owns the batch looks at it.
            headers: Headers::from_native(unsafe { NativeHeaders::of(pointer) }),
        }))
    }

    /// Destroys the entry that comes next.
    #[inline]
    pub(crate) fn advance(&mut self) {
        if !self.is_empty() {
            // SAFETY: alive and owned, and never touched again because `next` moves past it.
            unsafe { rd_kafka_message_destroy(self.messages[self.next]) };
            self.next += 1;
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
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
    Some(Timestamp { millis, kind })
}
