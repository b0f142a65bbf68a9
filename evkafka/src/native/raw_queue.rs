//! librdkafka's queues, and whom they wake.

use std::{
    ffi::c_void,
    ptr::{self, NonNull},
    sync::Arc,
};

use rdkafka::bindings::{
    rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy, rd_kafka_queue_t, rd_kafka_t,
};
use tokio::sync::Notify;

use super::{ClientHandle, retired::Retired};

/// What is done when a queue is no longer empty. (librdkafka: "the application must not perform any prolonged work in the
/// callback, or call any librdkafka APIs". The messages that are destroyed are two takes at most, in about a millisecond, and
/// destroying them is no call on the client.)
struct Arrival {
    wakes: Arc<Notify>,
    retired: Option<Arc<Retired>>,
}

impl Arrival {
    fn happened(&self) {
        self.wakes.notify_one();
        if let Some(retired) = &self.retired {
            retired.destroy_all();
        }
    }
}

/// A librdkafka queue, and whom it wakes when it is no longer empty.
pub(super) struct RawQueue {
    queue: NonNull<rd_kafka_queue_t>,
    /// librdkafka holds a pointer to it until the callback is taken away, in `Drop`.
    arrival: Option<Arc<Arrival>>,
    pub(super) client: Arc<ClientHandle>,
}

// SAFETY: librdkafka's queues may be used from any thread at the same time.
unsafe impl Send for RawQueue {}
// SAFETY: as above.
unsafe impl Sync for RawQueue {}

impl RawQueue {
    /// # Safety
    /// `queue` is a reference of its own to a queue of `client`, given up to the new object.
    pub(super) unsafe fn new(queue: NonNull<rd_kafka_queue_t>, client: Arc<ClientHandle>) -> Self {
        Self { queue, arrival: None, client }
    }

    pub(super) fn as_ptr(&self) -> *mut rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// From now on, `waker` is notified whenever the queue stops being empty.
    pub(super) fn listen(&mut self, waker: Arc<Notify>) {
        self.on_arrival(Arrival { wakes: waker, retired: None });
    }

    /// The same, and the thread that fills the queue destroys what is retired.
    pub(super) fn listen_with_retired(&mut self, waker: Arc<Notify>, retired: Arc<Retired>) {
        self.on_arrival(Arrival { wakes: waker, retired: Some(retired) });
    }

    fn on_arrival(&mut self, arrival: Arrival) {
        unsafe extern "C" fn arrived(_: *mut rd_kafka_t, arrival: *mut c_void) {
            // SAFETY: `arrival` is the `Arrival` that the `RawQueue` owns a share of until it has taken the callback away, which
            // waits for a callback that is under way (both hold the queue's lock). Nothing in it panics.
            unsafe { &*arrival.cast::<Arrival>() }.happened();
        }
        let arrival = Arc::new(arrival);
        let opaque = Arc::as_ptr(&arrival).cast_mut().cast();
        // SAFETY: queue and client are alive; see `arrived` for the pointer.
        unsafe { rd_kafka_queue_cb_event_enable(self.as_ptr(), Some(arrived), opaque) };
        // Only now may the one before go: librdkafka knew it until this moment.
        self.arrival = Some(arrival);
    }
}

impl Drop for RawQueue {
    fn drop(&mut self) {
        // SAFETY: the client is alive (we hold its handle). The callback goes before what it refers to does, and the reference
        // to the queue is given back once.
        unsafe {
            if self.arrival.is_some() {
                rd_kafka_queue_cb_event_enable(self.as_ptr(), None, ptr::null_mut());
            }
            rd_kafka_queue_destroy(self.as_ptr());
        }
    }
}
