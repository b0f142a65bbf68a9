//! A log in memory: what a lane reads in tests without a broker.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{Entry, StartsOver};
use crate::{
    record::{Origin, OwnedRecord},
    settle::Sequence,
};

/// What was written to a partition, in the order in which it came. Its offsets may go back, as those of a topic that is recreated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    records: Vec<Arc<OwnedRecord>>,
    reader: Option<Arc<Notify>>,
}

impl Log {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a record; its offset is its own.
    pub(crate) fn write(&self, record: OwnedRecord) {
        let mut written = self.written();
        written.records.push(Arc::new(record));
        if let Some(reader) = &written.reader {
            reader.notify_one();
        }
    }

    /// Reads it from the first record on that has at least the offset `from`.
    pub(crate) fn read_from(&self, from: i64) -> Reader {
        let mut reader = Reader { log: self.clone(), next: 0, sequence: Sequence::default() };
        reader.seek(from);
        reader
    }
}

/// Reads a [`Log`] in order.
#[derive(Debug)]
pub(crate) struct Reader {
    log: Log,
    /// The place in the log of what comes next.
    next: usize,
    sequence: Sequence,
}

impl Reader {
    pub(super) fn listen(&mut self, waker: Arc<Notify>) {
        self.log.written().reader = Some(waker);
    }

    pub(super) fn begin_at(&mut self, next: i64) {
        self.sequence.begin_at(next);
    }

    /// In the latest stretch of the log: the offsets since they have gone back for the last time.
    pub(super) fn seek(&mut self, from: i64) {
        let written = self.log.written();
        let offset = |index: usize| written.records[index].as_record().offset();
        let stretch = (1..written.records.len()).rev().find(|&at| offset(at) <= offset(at - 1)).unwrap_or(0);
        let end = written.records.len();
        self.next = (stretch..end).find(|&at| offset(at) >= from).unwrap_or(end);
        drop(written);
        self.begin_at(from);
    }

    pub(super) fn take(&mut self, fetch: &mut Fetch, most: usize) -> Option<StartsOver> {
        fetch.clear();
        let written = self.log.written();
        let waiting = &written.records[self.next.min(written.records.len())..];
        let offsets = waiting.iter().take(most).map(|record| Some(record.as_record().offset()));
        let mut taken = self.sequence.take(offsets);
        let mut starts_over = None;
        if taken == 0
            && most > 0
            && let Some(first) = waiting.first()
        {
            let from = first.as_record().offset();
            self.sequence.begin_at(from);
            starts_over = Some(StartsOver { from });
            let offsets = waiting.iter().take(most).map(|record| Some(record.as_record().offset()));
            taken = self.sequence.take(offsets);
        }
        fetch.0.extend(waiting[..taken].iter().cloned());
        self.next += taken;
        starts_over
    }

    pub(super) fn reached(&self) -> Option<i64> {
        None
    }

    pub(super) fn take_deleted(&mut self) -> Option<Range<i64>> {
        None
    }
}

#[derive(Debug, Default)]
pub(crate) struct Fetch(VecDeque<Arc<OwnedRecord>>);

impl Fetch {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn entry<'f>(&'f self, origin: &'f Origin) -> Option<Entry<'f>> {
        let record = self.0.front()?.as_record();
        Some(Entry::Record(crate::record::Record { origin, ..record }))
    }

    pub(super) fn get<'f>(&'f self, index: usize, origin: &'f Origin) -> Option<Entry<'f>> {
        let record = self.0.get(index)?.as_record();
        Some(Entry::Record(crate::record::Record { origin, ..record }))
    }

    pub(super) fn count_while(&self, origin: &Origin, mut is_one: impl FnMut(Entry<'_>) -> bool) -> usize {
        let records = self.0.iter().map(|record| crate::record::Record { origin, ..record.as_record() });
        records.take_while(|record| is_one(Entry::Record(*record))).count()
    }

    pub(super) fn advance(&mut self) {
        self.0.pop_front();
    }

    pub(super) fn pop(&mut self) -> Option<Arc<OwnedRecord>> {
        self.0.pop_front()
    }

    pub(super) fn move_to(&mut self, other: &mut Self, count: usize) {
        let count = count.min(self.0.len());
        other.0.extend(self.0.drain(..count));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn first_offset(&self) -> Option<i64> {
        self.0.front().map(|record| record.as_record().offset())
    }

    pub(super) fn last_offset(&self) -> Option<i64> {
        self.0.back().map(|record| record.as_record().offset())
    }
}
