mod dropped;
mod overridden;

use std::{
    ffi::CString,
    ops::Range,
    ptr::{self, NonNull},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_queue_forward, rd_kafka_queue_get_partition, rd_kafka_queue_length,
};
use tokio::sync::Notify;

use super::{
    ClientHandle, Fetch, MESSAGE_BYTES, position::Position, raw_queue::RawQueue, retired::Retired,
    seek::begin_to_seek, standing::Standing,
};
use crate::settle::{Course, Pace, Sequence};

/// The queue of one partition, detached from the consumer's main queue: not taking from it is back-pressure, because
/// librdkafka stops fetching a partition whose queue is full.
///
/// As long as its records are handled quickly, all there is is taken at once, and handed out bit by bit. An empty queue is what
/// has the thread that fills it again destroy the [retired](Retired) messages.
pub(crate) struct PartitionQueue {
    queue: RawQueue,
    /// What has been taken and not been handed out.
    taken: Fetch,
    taken_at: Instant,
    /// The average size of the records that were taken last: their keys and payloads.
    record_bytes: usize,
    /// How many are taken at a time.
    pace: Pace,
    topic: Arc<str>,
    partition: i32,
    /// What came from librdkafka.
    arrived: Sequence,
    /// What has been handed out.
    handed_out: Sequence,
    position: Position,
    standing: Standing,
    /// When a seek took effect that librdkafka may still go back on: see [`Self::is_overridden`].
    sought: Option<Instant>,
    /// The last record that was asked for because librdkafka had [dropped](Self::has_dropped) it, or seemed to.
    asked_for: Option<i64>,
    /// With nothing left to hand out: the offset behind all there was.
    reached: Option<i64>,
    /// Records that were deleted before they could be fetched.
    deleted: Option<Range<i64>>,
    retired: Arc<Retired>,
}

/// Says that a partition's offsets have gone back, so that what comes now is not what stands behind what came before.
#[must_use = "what is known of the partition's progress is wrong"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartsOver {
    /// The offset of the first record.
    pub(crate) from: i64,
}

/// `RD_KAFKA_OFFSET_BEGINNING` of librdkafka's header, a macro.
const BEGINNING: i64 = -2;

/// What is taken at a time from a partition whose records take long to handle: the rest stays where librdkafka counts it.
const LEAST: usize = 256;
/// What is destroyed in a callback has to have a limit, however much memory there is.
const MOST: usize = 16_384;
/// How long it may take to hand out what was taken. Handlers that take longer for so many records lose nothing by leaving them in
/// the queue.
const TARGET: Duration = Duration::from_millis(200);

impl PartitionQueue {
    /// Detaches a partition's queue. Done before an assignment takes effect, every record comes this way and none over
    /// the consumer's main queue.
    pub(crate) fn detach(client: &Arc<ClientHandle>, topic: Arc<str>, partition: i32) -> Option<Self> {
        let name = CString::new(&*topic).ok()?;
        // SAFETY: the client is alive; librdkafka copies the name and returns a reference of our own, or null.
        let queue = unsafe { rd_kafka_queue_get_partition(client.as_ptr(), name.as_ptr(), partition) };
        // SAFETY: as said.
        let queue = unsafe { RawQueue::new(NonNull::new(queue)?, Arc::clone(client)) };
        // SAFETY: forwarding to null ends the forwarding to the consumer's queue.
        unsafe { rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut()) };
        let retired = Arc::new(Retired::new(Arc::clone(client)));
        Some(Self {
            queue,
            taken: Fetch::new(Arc::clone(&retired)),
            taken_at: Instant::now(),
            record_bytes: 0,
            pace: Pace::new(TARGET, LEAST, MOST),
            position: Position::new(&topic, partition),
            topic,
            partition,
            arrived: Sequence::default(),
            handed_out: Sequence::default(),
            standing: Standing::Doubtful,
            sought: None,
            asked_for: None,
            reached: None,
            deleted: None,
            retired,
        })
    }

    /// From now on, `waker` is notified whenever the queue stops being empty.
    pub(crate) fn listen(&mut self, waker: Arc<Notify>) {
        self.queue.listen_with_retired(waker, Arc::clone(&self.retired));
    }

    /// An empty fetch for this queue's records.
    pub(crate) fn fetch(&self) -> Fetch {
        Fetch::new(Arc::clone(&self.retired))
    }

    /// The first record is to have at least the offset `next`.
    pub(crate) fn begin_at(&mut self, next: i64) {
        self.arrived.begin_at(next);
        self.handed_out.begin_at(next);
    }

    /// The same where a seek to `next` has taken effect.
    pub(crate) fn begin_sought(&mut self, next: i64) {
        self.begin_at(next);
        self.sought = Some(Instant::now());
    }

    /// A seek to `next` has taken effect: nothing that was fetched before comes any more.
    pub(crate) fn start_at(&mut self, next: i64) {
        self.taken.clear();
        self.begin_sought(next);
        (self.standing, self.reached, self.deleted) = (Standing::Doubtful, None, None);
    }

    /// The client that fetches its records.
    pub(crate) fn client(&self) -> &Arc<ClientHandle> {
        &self.queue.client
    }

    /// After a [`take`](Self::take) that brought nothing, the offset behind all there was, if control records and aborted
    /// transactions have moved it beyond the last record.
    pub(crate) fn reached(&self) -> Option<i64> {
        self.reached
    }

    /// How many records are fetched and were not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        // SAFETY: the queue is alive.
        self.taken.len() + unsafe { rd_kafka_queue_length(self.queue.as_ptr()) }
    }

    /// The records that retention has deleted before they could be fetched, once.
    pub(crate) fn take_deleted(&mut self) -> Option<Range<i64>> {
        self.deleted.take()
    }

    /// Replaces the contents of `fetch` by at most `most` of what is there, without waiting. `fetch` must come from
    /// [`Self::fetch`]. All that it gets follows what was taken before, or it starts over with the first record.
    pub(crate) fn take(&mut self, fetch: &mut Fetch, most: usize) -> Option<StartsOver> {
        fetch.clear();
        let is_left_over = !self.taken.is_empty();
        if !is_left_over {
            self.take_from_librdkafka();
        }
        fetch.receive(&mut self.taken, most, &mut self.handed_out);
        if is_left_over && self.taken.is_empty() && fetch.len() < most / 2 {
            self.take_from_librdkafka();
            fetch.receive(&mut self.taken, most, &mut self.handed_out);
        }
        if !fetch.is_empty() || most == 0 {
            return None;
        }
        // Nothing that follows, though there is something: it goes back.
        let from = self.taken.offsets().next().flatten()?;
        self.handed_out.begin_at(from);
        fetch.receive(&mut self.taken, most, &mut self.handed_out);
        Some(StartsOver { from })
    }

    fn take_from_librdkafka(&mut self) {
        let handled = self.taken.clear();
        if handled > 0 {
            self.pace.handled(handled, self.taken_at.elapsed());
        }
        self.retired.age();
        // What is about to be taken moves it.
        let position = self.position.of_the_application(&self.queue.client);
        let next = self.arrived.next();
        self.standing = self.standing.at(position, next);
        let mut course = self.refill();
        if let Some(from) = self.is_overridden(next, &course).or_else(|| self.has_dropped(next)) {
            self.seek_again(next, from);
            // What is there is outdated: librdkafka drops it, and says when there is more.
            course = self.refill();
        }
        self.standing = self.standing.after(self.taken.len());
        self.taken_at = Instant::now();
        if course.goes_back || course.has_errors {
            self.correct_position();
        }
        if let Some(gap) = course.gap {
            self.find_deleted(gap);
        }
        self.reached = None;
        if self.taken.is_empty() {
            self.find_reached();
            // No callback may come for a long time.
            self.retired.destroy_all();
        }
    }

    /// Takes what librdkafka has, up to a limit.
    fn refill(&mut self) -> Course {
        let queue = self.queue.as_ptr();
        let fill = |slots: &mut [_]| {
            // SAFETY: the queue is alive, the slots are valid for writing, a timeout of 0 does not wait.
            let taken = unsafe { rd_kafka_consume_batch_queue(queue, 0, slots.as_mut_ptr(), slots.len()) };
            usize::try_from(taken).unwrap_or(0)
        };
        // SAFETY: the queue is alive.
        let waiting = unsafe { rd_kafka_queue_length(queue) };
        // Room for what is not there would be 128 KiB, for each of what may be a thousand partitions.
        let slots = self.most_at_a_time().min(waiting.max(LEAST));
        // SAFETY: librdkafka fills the first slots and gives up the messages' ownership.
        unsafe { self.taken.refill(slots, fill) };
        self.record_bytes = self.taken.record_bytes().unwrap_or(self.record_bytes);
        self.arrived.follow(self.taken.offsets())
    }

    /// As many as are handled in good time, up to four times the memory of the queue they come from, which librdkafka fills meanwhile.
    /// That is as quick as no limit; with half of it, a consumer of small records takes 6 % longer and a sixth less memory.
    fn most_at_a_time(&self) -> usize {
        let record_bytes = MESSAGE_BYTES + self.record_bytes;
        (4 * self.queue.client.queue_bytes / record_bytes).clamp(1, self.pace.records())
    }

    /// Puts librdkafka's position right if what was taken has moved it beyond the last record.
    ///
    /// At each rebalance librdkafka resumes from the position, which is the highest offset that was ever taken. So it would pass over
    /// what is below that once offsets have gone back; and over the record behind an error, because that carries the offset
    /// at which the fetch failed (librdkafka #4844). A seek makes it forget.
    fn correct_position(&mut self) {
        let next = self.arrived.next();
        let position = self.position.of_the_application(&self.queue.client);
        if position.is_none() || position == next {
            return;
        }
        // Without a record before it, an error is at the first one, or says nothing of where that is: then nothing is committed.
        let offset = next.or_else(|| self.taken.highest_error().filter(|failed| *failed >= 0));
        let (client, offset) = (&self.queue.client, offset.unwrap_or(BEGINNING));
        begin_to_seek(client, &self.topic, self.partition, offset);
        self.standing = Standing::Doubtful;
    }

    /// Drops what was taken last, which followed those below `next`, and has librdkafka go on at `from`.
    fn seek_again(&mut self, next: Option<i64>, from: i64) {
        self.taken.clear();
        self.arrived.begin_at(next.unwrap_or(from));
        begin_to_seek(&self.queue.client, &self.topic, self.partition, from);
        self.standing = Standing::Doubtful;
    }

    /// Which of the offsets that were left out were deleted, rather than compacted.
    fn find_deleted(&mut self, gap: Range<i64>) {
        let log_start = self.position.start_of_the_log(&self.queue.client);
        if let Some(log_start) = log_start.filter(|log_start| *log_start > gap.start) {
            self.deleted = Some(gap.start..gap.end.min(log_start));
        }
    }

    /// Finds the offset behind all there was, when nothing has come.
    fn find_reached(&mut self) {
        match self.standing {
            Standing::Doubtful | Standing::Moved => return,
            Standing::Unset | Standing::Known => {}
        }
        let next = self.arrived.next();
        let is_beyond = |position: &i64| *position >= 0 && next.is_none_or(|next| next < *position);
        self.reached = self.position.of_the_application(&self.queue.client).filter(is_beyond);
    }
}
