//! Where a lane's records come from: a Kafka partition, or a log in memory.

mod offsets;

use std::{ops::Range, sync::Arc, thread, time::Duration};

use tokio::sync::{Notify, oneshot};

pub(crate) use self::offsets::Offsets;
#[cfg(any(test, feature = "testing"))]
use crate::memory;
pub(crate) use crate::native::{Entry, PartitionError, Place, StartsOver};
use crate::{
    native::{self, PartitionQueue},
    record::{Origin, Record},
};

/// The records of one partition, in the order of its log.
pub(crate) enum Queue {
    Kafka(Box<PartitionQueue>),
    #[cfg(any(test, feature = "testing"))]
    Memory(memory::Reader),
}

/// Records taken from a [`Queue`], in order.
pub(crate) enum Fetched {
    Kafka(native::Fetch),
    #[cfg(any(test, feature = "testing"))]
    Memory(memory::Fetch),
}

/// A record taken out of what was [`Fetched`].
pub(crate) enum Message {
    Kafka(native::Message),
    #[cfg(any(test, feature = "testing"))]
    Memory(Arc<crate::record::OwnedRecord>),
}

/// Calls the same method of whichever it is.
macro_rules! delegate {
    ($self:expr, $inner:ident => $call:expr) => {
        match $self {
            Self::Kafka($inner) => $call,
            #[cfg(any(test, feature = "testing"))]
            Self::Memory($inner) => $call,
        }
    };
}

/// How long a broker has to answer to a seek.
const SEEK_TIMEOUT: Duration = Duration::from_secs(5);

impl Queue {
    /// Who knows which offsets the partition has.
    pub(crate) fn offsets(&self) -> Offsets {
        match self {
            Self::Kafka(queue) => Offsets::Kafka(Arc::downgrade(queue.client())),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(reader) => Offsets::Memory(reader.log().clone()),
        }
    }

    /// From now on, `waker` is notified whenever the queue stops being empty.
    pub(crate) fn listen(&mut self, waker: Arc<Notify>) {
        delegate!(self, queue => queue.listen(waker));
    }

    /// Nothing yet, to be [filled](Self::take) with this queue's records.
    pub(crate) fn fetched(&self) -> Fetched {
        match self {
            Self::Kafka(queue) => Fetched::Kafka(queue.fetch()),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(_) => Fetched::Memory(memory::Fetch::default()),
        }
    }

    /// The first record is to have at least the offset `next`.
    pub(crate) fn begin_at(&mut self, next: i64) {
        delegate!(self, queue => queue.begin_at(next));
    }

    /// The same where a seek to `next` has taken effect.
    pub(crate) fn begin_sought(&mut self, next: i64) {
        match self {
            Self::Kafka(queue) => queue.begin_sought(next),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(reader) => reader.begin_at(next),
        }
    }

    /// Replaces what is in `fetched` by at most `most` records of what is there, without waiting.
    pub(crate) fn take(&mut self, fetched: &mut Fetched, most: usize) -> Option<StartsOver> {
        match (self, fetched) {
            (Self::Kafka(queue), Fetched::Kafka(fetch)) => queue.take(fetch, most),
            #[cfg(any(test, feature = "testing"))]
            (Self::Memory(reader), Fetched::Memory(fetch)) => reader.take(fetch, most),
            #[cfg(any(test, feature = "testing"))]
            _ => unreachable!("what is fetched comes from the queue that it is filled by"),
        }
    }

    /// After a [`take`](Self::take) that brought nothing, the offset behind all there was, if it is not that behind the last record.
    pub(crate) fn reached(&self) -> Option<i64> {
        delegate!(self, queue => queue.reached())
    }

    /// How many records are fetched and were not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        delegate!(self, queue => queue.waiting())
    }

    /// The records that retention has deleted before they could be fetched, once.
    pub(crate) fn take_deleted(&mut self) -> Option<Range<i64>> {
        delegate!(self, queue => queue.take_deleted())
    }

    /// Has the records from `next` on come next; whether that succeeded.
    ///
    /// # Cancel safety
    /// Dropped, it may have taken effect all the same.
    pub(crate) async fn seek(&mut self, origin: &Origin, next: i64) -> bool {
        match self {
            Self::Kafka(queue) => {
                let is_sought = seek(queue, origin, next).await;
                if is_sought {
                    queue.start_at(next);
                }
                is_sought
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(reader) => {
                reader.seek(next);
                true
            }
        }
    }
}

/// Waits for librdkafka on a thread of its own.
async fn seek(queue: &PartitionQueue, origin: &Origin, next: i64) -> bool {
    let (client, origin) = (Arc::clone(queue.client()), origin.clone());
    let (sender, sought) = oneshot::channel();
    let thread = thread::Builder::new().name(format!("evkafka-{}-seek", origin.consumer));
    let seeks = move || {
        let partition = std::iter::once((&*origin.topic, origin.partition, next));
        let _ = sender.send(!native::seek(&client, partition, SEEK_TIMEOUT).is_empty());
    };
    thread.spawn(seeks).is_ok() && sought.await.unwrap_or(false)
}

impl Fetched {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        delegate!(self, fetch => fetch.is_empty())
    }

    pub(crate) fn len(&self) -> usize {
        delegate!(self, fetch => fetch.len())
    }

    /// The entry that comes next; `None` at the end.
    #[inline]
    pub(crate) fn entry<'f>(&'f self, origin: &'f Origin) -> Option<Entry<'f>> {
        delegate!(self, fetch => fetch.entry(origin))
    }

    /// The entry that comes after `index` others.
    pub(crate) fn get<'f>(&'f self, index: usize, origin: &'f Origin) -> Option<Entry<'f>> {
        delegate!(self, fetch => fetch.get(index, origin))
    }

    /// How many of the entries that come next `is_one` of, up to the first that is not.
    pub(crate) fn count_while(&self, origin: &Origin, is_one: impl FnMut(Entry<'_>) -> bool) -> usize {
        delegate!(self, fetch => fetch.count_while(origin, is_one))
    }

    /// The entry that comes next is done with.
    #[inline]
    pub(crate) fn advance(&mut self) {
        delegate!(self, fetch => fetch.advance());
    }

    /// Takes the entry that comes next out, to be kept for as long as need be.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        match self {
            Self::Kafka(fetch) => fetch.pop().map(Message::Kafka),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(fetch) => fetch.pop().map(Message::Memory),
        }
    }

    /// Takes a message back that was taken out of it and is done with.
    pub(crate) fn take_back(&mut self, message: Message) {
        match (self, message) {
            (Self::Kafka(fetch), Message::Kafka(message)) => fetch.take_back(message),
            #[cfg(any(test, feature = "testing"))]
            _ => {}
        }
    }

    /// Moves the first `count` entries to the end of `other`.
    pub(crate) fn move_to(&mut self, other: &mut Self, count: usize) {
        match (self, other) {
            (Self::Kafka(fetch), Self::Kafka(other)) => fetch.move_to(other, count),
            #[cfg(any(test, feature = "testing"))]
            (Self::Memory(fetch), Self::Memory(other)) => fetch.move_to(other, count),
            #[cfg(any(test, feature = "testing"))]
            _ => unreachable!("both are of the same queue"),
        }
    }

    /// Drops what is in it.
    pub(crate) fn clear(&mut self) {
        delegate!(self, fetch => { fetch.clear(); });
    }

    pub(crate) fn first_offset(&self) -> Option<i64> {
        delegate!(self, fetch => fetch.first_offset())
    }

    /// Whether the last entry is an error. None is anywhere else.
    pub(crate) fn ends_with_error(&self) -> bool {
        delegate!(self, fetch => fetch.ends_with_error())
    }

    pub(crate) fn last_offset(&self) -> Option<i64> {
        delegate!(self, fetch => fetch.last_offset())
    }
}

impl Message {
    /// The record that it is.
    ///
    /// # Panics
    /// If it is an error.
    pub(crate) fn record<'m>(&'m self, origin: &'m Origin) -> Record<'m> {
        match self {
            Self::Kafka(message) => message.record(origin),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(record) => Record { origin, ..record.as_record() },
        }
    }
}
