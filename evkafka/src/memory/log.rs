//! A log in memory: what a lane reads in tests without a broker.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::Notify;

use crate::{
    record::{Origin, OwnedRecord, Record},
    settle::Sequence,
    source::{Entry, PartitionError, Place, StartsOver},
};

/// What was written to a partition, in the order in which it came. Its offsets may go back, as those of a topic that is recreated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    items: Vec<Item>,
    /// The offset behind control records and aborted transactions at the end.
    end: Option<i64>,
    /// Who is told of what is written.
    readers: Vec<Weak<Notify>>,
}

/// What a reader gets.
#[derive(Clone, Debug)]
enum Item {
    Record(Arc<OwnedRecord>),
    Error(PartitionError),
}

impl Item {
    fn offset(&self) -> Option<i64> {
        match self {
            Self::Record(record) => Some(record.as_record().offset()),
            Self::Error(_) => None,
        }
    }

    fn entry<'i>(&'i self, origin: &'i Origin) -> Entry<'i> {
        match self {
            Self::Record(record) => Entry::Record(Record { origin, ..record.as_record() }),
            Self::Error(error) => Entry::Error(error.clone()),
        }
    }
}

impl Log {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a record; its offset is its own.
    pub(crate) fn write(&self, record: OwnedRecord) {
        self.change(|written| written.items.push(Item::Record(Arc::new(record))));
    }

    /// An error is met behind what has been written.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests of lanes need it"))]
    pub(crate) fn fail(&self, error: PartitionError) {
        self.change(|written| written.items.push(Item::Error(error)));
    }

    /// Nothing that a reader gets lies between what has been written and `end`.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests of lanes need it"))]
    pub(crate) fn reach(&self, end: i64) {
        self.change(|written| written.end = Some(end));
    }

    /// The offset of a place in it; `None` if no record is that late.
    pub(crate) fn find(&self, place: Place) -> Option<i64> {
        let written = self.written();
        let records = || {
            written.items.iter().filter_map(|item| match item {
                Item::Record(record) => Some(record.as_record()),
                Item::Error(_) => None,
            })
        };
        let end = records().next_back().map_or(0, |record| record.offset() + 1);
        match place {
            Place::Start => Some(records().next().map_or(0, |record| record.offset())),
            Place::End => Some(written.end.unwrap_or(end).max(end)),
            Place::Time(millis) => {
                let is_late = |record: &Record<'_>| record.timestamp().is_some_and(|at| at.millis >= millis);
                records().find(is_late).map(|record| record.offset())
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Written)) {
        let mut written = self.written();
        change(&mut written);
        written.readers.retain(|reader| reader.upgrade().inspect(|reader| reader.notify_one()).is_some());
    }

    /// All records in it.
    pub(crate) fn records(&self) -> Vec<OwnedRecord> {
        let record = |item: &Item| match item {
            Item::Record(record) => Some(OwnedRecord::clone(record)),
            Item::Error(_) => None,
        };
        self.written().items.iter().filter_map(record).collect()
    }

    /// Reads it from the first record on that has at least the offset `from`.
    pub(crate) fn read_from(&self, from: i64) -> Reader {
        let mut reader = Reader { log: self.clone(), next: 0, sequence: Sequence::default() };
        reader.seek(from);
        let last = self.written().items.iter().rev().find_map(Item::offset);
        if last.is_some_and(|last| last + 1 < from) {
            // Out of range: what a broker says to that has the client begin at the start.
            reader.seek(0);
        }
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
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn listen(&mut self, waker: Arc<Notify>) {
        self.log.written().readers.push(Arc::downgrade(&waker));
    }

    pub(crate) fn begin_at(&mut self, next: i64) {
        self.sequence.begin_at(next);
    }

    /// In the latest stretch of the log: the offsets since they have gone back for the last time.
    pub(crate) fn seek(&mut self, from: i64) {
        let written = self.log.written();
        let offset = |index: usize| written.items[index].offset();
        let end = written.items.len();
        let before = |at: usize| (0..at).rev().find_map(offset);
        let goes_back = |at: &usize| offset(*at).zip(before(*at)).is_some_and(|(at, before)| at <= before);
        let stretch = (1..end).rev().find(goes_back).unwrap_or(0);
        self.next = (stretch..end).find(|&at| offset(at).is_some_and(|at| at >= from)).unwrap_or(end);
        drop(written);
        self.begin_at(from);
    }

    pub(crate) fn take(&mut self, fetch: &mut Fetch, most: usize) -> Option<StartsOver> {
        fetch.clear();
        let written = self.log.written();
        let waiting = &written.items[self.next.min(written.items.len())..];
        let offsets = waiting.iter().take(most).map(Item::offset);
        let mut taken = self.sequence.take(offsets);
        let mut starts_over = None;
        if taken == 0
            && most > 0
            && let Some(from) = waiting.first().and_then(Item::offset)
        {
            self.sequence.begin_at(from);
            starts_over = Some(StartsOver { from });
            let offsets = waiting.iter().take(most).map(Item::offset);
            taken = self.sequence.take(offsets);
        }
        fetch.0.extend(waiting[..taken].iter().cloned());
        self.next += taken;
        starts_over
    }

    pub(crate) fn reached(&self) -> Option<i64> {
        let written = self.log.written();
        let is_beyond = |end: &i64| self.sequence.next().is_none_or(|next| next < *end);
        written.end.filter(is_beyond).filter(|_| self.next >= written.items.len())
    }

    pub(crate) fn waiting(&self) -> usize {
        self.log.written().items.len().saturating_sub(self.next)
    }

    pub(crate) fn take_deleted(&mut self) -> Option<Range<i64>> {
        None
    }
}

#[derive(Debug, Default)]
pub(crate) struct Fetch(VecDeque<Item>);

impl Fetch {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn entry<'f>(&'f self, origin: &'f Origin) -> Option<Entry<'f>> {
        Some(self.0.front()?.entry(origin))
    }

    pub(crate) fn get<'f>(&'f self, index: usize, origin: &'f Origin) -> Option<Entry<'f>> {
        Some(self.0.get(index)?.entry(origin))
    }

    pub(crate) fn count_while(&self, origin: &Origin, mut is_one: impl FnMut(Entry<'_>) -> bool) -> usize {
        self.0.iter().take_while(|item| is_one(item.entry(origin))).count()
    }

    pub(crate) fn advance(&mut self) {
        self.0.pop_front();
    }

    pub(crate) fn pop(&mut self) -> Option<Arc<OwnedRecord>> {
        match self.0.pop_front()? {
            Item::Record(record) => Some(record),
            Item::Error(error) => unreachable!("an error is not kept: {error:?}"),
        }
    }

    pub(crate) fn move_to(&mut self, other: &mut Self, count: usize) {
        let count = count.min(self.0.len());
        other.0.extend(self.0.drain(..count));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn first_offset(&self) -> Option<i64> {
        self.0.iter().find_map(Item::offset)
    }

    pub(crate) fn ends_with_error(&self) -> bool {
        matches!(self.0.back(), Some(Item::Error(_)))
    }

    pub(crate) fn last_offset(&self) -> Option<i64> {
        self.0.iter().rev().find_map(Item::offset)
    }
}
