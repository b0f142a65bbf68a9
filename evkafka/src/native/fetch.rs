use std::{
    ptr::{self, NonNull},
    sync::Arc,
};

use rdkafka::bindings::rd_kafka_message_t;

use super::{
    error_code::result_at,
    message::{Entry, Message, read},
    retired::{Retired, destroy_headers},
};
use crate::{record::Origin, settle::Sequence};

/// How many messages that were taken back wait to be retired together, under one lock.
const MOST_SPENT: usize = 256;

/// Records fetched from one partition, in order.
pub(crate) struct Fetch {
    /// `owned..len` are alive and the fetch's.
    messages: Vec<*mut rd_kafka_message_t>,
    owned: usize,
    /// The entry that comes next; what the fetch owns before it is done with.
    next: usize,
    len: usize,
    /// Taken out and given back; owned.
    spent: Vec<*mut rd_kafka_message_t>,
    /// Where messages go in the end. It also keeps the client alive, into whose memory they point.
    retired: Arc<Retired>,
}

/// What librdkafka takes for each message besides its key and payload: 320 bytes for the message itself, and what its headers and
/// its place in the fetch take.
pub(crate) const MESSAGE_BYTES: usize = 400;

/// How many entries are looked at to learn how large they are: each look costs about as much as skipping a few records.
const SAMPLE: usize = 64;

// SAFETY: messages are owned by the fetch and may be read and destroyed on any thread.
unsafe impl Send for Fetch {}
// SAFETY: shared access only reads; what changes a message (the first look at its headers) is done by what gives out entries, which
// only the lane calls that owns the fetch.
unsafe impl Sync for Fetch {}

impl Fetch {
    pub(super) fn new(retired: Arc<Retired>) -> Self {
        Self { messages: Vec::new(), owned: 0, next: 0, len: 0, spent: Vec::new(), retired }
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
    /// `fill` must hand over the ownership of that many messages of this fetch's client, in the first slots.
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

    /// Adds the first entries of `other`, which are taken out of it, until it has `most`. They end where the `sequence` does, and
    /// with an error: what stands behind one is not to be touched, or committed, before it is judged.
    pub(super) fn receive(&mut self, other: &mut Self, most: usize, sequence: &mut Sequence) {
        if self.ends_with_error() {
            return;
        }
        let count = other.len().min(most.saturating_sub(self.len()));
        let count = sequence.take(other.offsets().take(count));
        self.messages.truncate(self.len);
        self.messages.extend_from_slice(&other.messages[other.next..other.next + count]);
        self.len += count;
        other.next += count;
        other.owned = other.next;
    }

    /// Empties it; how many entries it had, those that were taken out included.
    pub(crate) fn clear(&mut self) -> usize {
        let len = self.len;
        self.retire(len);
        self.retire_spent();
        (self.owned, self.next, self.len) = (0, 0, 0);
        len
    }

    /// What lies before `end` is not needed any more.
    fn retire(&mut self, end: usize) {
        // SAFETY: alive and owned, and never touched again because `owned` moves past them.
        unsafe { self.retired.retire(&self.messages[self.owned..end]) };
        self.owned = end;
    }

    /// The entry that comes next; `None` at the end.
    #[inline]
    pub(crate) fn entry<'b>(&'b self, origin: &'b Origin) -> Option<Entry<'b>> {
        self.at(self.next, origin)
    }

    /// The entry that comes after `index` others.
    pub(crate) fn get<'b>(&'b self, index: usize, origin: &'b Origin) -> Option<Entry<'b>> {
        self.at(self.next + index, origin)
    }

    /// How many of the entries that come next `is_one` of, up to the first that is not.
    pub(crate) fn count_while(&self, origin: &Origin, mut is_one: impl FnMut(Entry<'_>) -> bool) -> usize {
        (self.next..self.len).take_while(|index| self.at(*index, origin).is_some_and(&mut is_one)).count()
    }

    /// The offset of the first record; `None` if there is no record in it.
    pub(crate) fn first_offset(&self) -> Option<i64> {
        self.offsets().flatten().next()
    }

    /// Whether the last entry is an error.
    pub(crate) fn ends_with_error(&self) -> bool {
        self.offsets().next_back() == Some(None)
    }

    /// The offset of the last record; `None` if there is no record in it.
    pub(crate) fn last_offset(&self) -> Option<i64> {
        self.offsets().rev().flatten().next()
    }

    /// The highest offset that an error carries, which may be a logical one (below zero); `None` if there is no error.
    pub(super) fn highest_error(&self) -> Option<i64> {
        let errors = self.messages[self.next..self.len].iter().filter_map(|message| {
            // SAFETY: `next..len` are alive.
            unsafe { result_at(&raw const (**message).err).is_err().then(|| (**message).offset) }
        });
        errors.max()
    }

    /// How many bytes of key and payload an entry has, by the average of a [`SAMPLE`]; `None` if there is none.
    pub(super) fn record_bytes(&self) -> Option<usize> {
        let messages = &self.messages[self.next..self.len];
        let sample = messages.iter().step_by(messages.len().div_ceil(SAMPLE).max(1));
        let count = sample.len();
        let bytes = sample.map(|message| {
            // SAFETY: `next..len` are alive.
            unsafe { (**message).len + (**message).key_len }
        });
        bytes.sum::<usize>().checked_div(count)
    }

    /// The offsets of the entries; an error has none.
    pub(super) fn offsets(&self) -> impl DoubleEndedIterator<Item = Option<i64>> {
        self.messages[self.next..self.len].iter().map(|message| {
            // SAFETY: `next..len` are alive.
            unsafe { result_at(&raw const (**message).err).is_ok().then(|| (**message).offset) }
        })
    }

    fn at<'b>(&'b self, index: usize, origin: &'b Origin) -> Option<Entry<'b>> {
        if index >= self.len {
            return None;
        }
        let message = NonNull::new(self.messages[index])?;
        // SAFETY: `next..len` are alive, and stay so while the fetch is borrowed; only its lane looks at them.
        Some(unsafe { read(message, origin) })
    }

    /// Takes the entry that comes next out of the fetch, to be kept for as long as need be.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = (!self.is_empty()).then(|| NonNull::new(self.messages[self.next])).flatten()?;
        self.retire(self.next);
        self.next += 1;
        self.owned = self.next;
        // SAFETY: alive, and no longer the fetch's; no other thread has it.
        Some(unsafe { Message::new(message, Arc::clone(&self.retired)) })
    }

    /// Moves the first `count` entries to the end of `other`, which is of the same partition.
    pub(crate) fn move_to(&mut self, other: &mut Self, count: usize) {
        let count = count.min(self.len());
        other.messages.truncate(other.len);
        other.messages.extend_from_slice(&self.messages[self.next..self.next + count]);
        other.len += count;
        self.retire(self.next);
        self.next += count;
        self.owned = self.next;
    }

    /// Takes a message back that was [taken out](Self::pop) of it and is done with: many are retired at a time.
    pub(crate) fn take_back(&mut self, message: Message) {
        self.spent.push(message.into_raw());
        if self.spent.len() >= MOST_SPENT {
            self.retire_spent();
        }
    }

    fn retire_spent(&mut self) {
        // SAFETY: alive and owned since they were taken back, and forgotten now.
        unsafe { self.retired.retire(&self.spent) };
        self.spent.clear();
    }

    /// The entry that comes next is done with.
    #[inline]
    pub(crate) fn advance(&mut self) {
        if !self.is_empty() {
            // SAFETY: alive and owned; whoever looked at its headers borrowed the fetch.
            unsafe { destroy_headers(self.messages[self.next]) };
            self.next += 1;
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.clear();
    }
}
