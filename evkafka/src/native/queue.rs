use std::{
    ffi::{CString, c_void},
    ptr::{self, NonNull},
    sync::Arc,
};

use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy,
    rd_kafka_queue_forward, rd_kafka_queue_get_partition, rd_kafka_queue_t, rd_kafka_t,
};
use tokio::sync::Notify;

use super::{Batch, ClientHandle};

/// A librdkafka queue, and whom it wakes when it is no longer empty.
pub(super) struct Queue {
    queue: NonNull<rd_kafka_queue_t>,
    /// librdkafka holds a pointer to it until the callback is taken away, in `Drop`.
    waker: Option<Arc<Notify>>,
    pub(super) client: Arc<ClientHandle>,
}

// SAFETY: librdkafka's queues may be used from any thread at the same time.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// # Safety
    /// `queue` is a reference of its own to a queue of `client`, given up to the new object.
    pub(super) unsafe fn new(queue: NonNull<rd_kafka_queue_t>, client: Arc<ClientHandle>) -> Self {
        Self { queue, waker: None, client }
    }

    pub(super) fn as_ptr(&self) -> *mut rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// From now on, `waker` is notified whenever the queue stops being empty.
    pub(super) fn listen(&mut self, waker: Arc<Notify>) {
        unsafe extern "C" fn wake(_: *mut rd_kafka_t, waker: *mut c_void) {
            // SAFETY: `waker` is the `Notify` that the `Queue` owns a share of until it has taken the callback away,
            // which waits for a callback that is under way (both hold the queue's lock). `notify_one` neither
            // blocks nor panics.
            unsafe { &*waker.cast::<Notify>() }.notify_one();
        }
        let opaque = Arc::as_ptr(&waker).cast_mut().cast();
        // SAFETY: queue and client are alive; see `wake` for the pointer.
        unsafe { rd_kafka_queue_cb_event_enable(self.as_ptr(), Some(wake), opaque) };
        // Only now may the one before go: librdkafka knew it until this moment.
        self.waker = Some(waker);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the client is alive (we hold its handle). The callback goes before the waker does, and the reference
        // to the queue is given back once.
        unsafe {
            if self.waker.is_some() {
                rd_kafka_queue_cb_event_enable(self.as_ptr(), None, ptr::null_mut());
            }
            rd_kafka_queue_destroy(self.as_ptr());
        }
    }
}

/// The queue of one partition, detached from the consumer's main queue: not taking from it is back-pressure, because
/// librdkafka stops fetching a partition whose queue is full.
pub(crate) struct PartitionQueue(Queue);

impl PartitionQueue {
    /// Detaches a partition's queue. Done before an assignment takes effect, every record comes this way and none over
    /// the consumer's main queue.
    pub(crate) fn detach(client: &Arc<ClientHandle>, topic: &str, partition: i32) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client is alive; librdkafka copies the name and returns a reference of our own, or null.
        let queue = unsafe { rd_kafka_queue_get_partition(client.as_ptr(), topic.as_ptr(), partition) };
        // SAFETY: as said.
        let queue = unsafe { Queue::new(NonNull::new(queue)?, Arc::clone(client)) };
        // SAFETY: forwarding to null ends the forwarding to the consumer's queue.
        unsafe { rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut()) };
        Some(Self(queue))
    }

    /// From now on, `waker` is notified whenever the queue stops being empty.
    pub(crate) fn listen(&mut self, waker: Arc<Notify>) {
        self.0.listen(waker);
    }

    /// An empty batch for this queue's records.
    pub(crate) fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.0.client))
    }

    /// Replaces the contents of `batch` by at most `most` of what is there, without waiting. `batch` must come from
    /// [`Self::batch`].
    pub(crate) fn take(&mut self, batch: &mut Batch, most: usize) {
        let queue = self.0.as_ptr();
        let fill = |slots: &mut [_]| {
            // SAFETY: the queue is alive, the slots are valid for writing, a timeout of 0 does not wait.
            let taken = unsafe { rd_kafka_consume_batch_queue(queue, 0, slots.as_mut_ptr(), slots.len()) };
            usize::try_from(taken).unwrap_or(0)
        };
        // SAFETY: librdkafka fills the first slots and gives up the messages' ownership.
        unsafe { batch.refill(most, fill) };
    }
}
