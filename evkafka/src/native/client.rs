use std::{mem::ManuallyDrop, ops::Deref, ptr::NonNull, sync::Arc, thread, time::Duration};

use rdkafka::{
    bindings::rd_kafka_t,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

/// Keeps a librdkafka client from being destroyed while something of it is in use.
#[derive(Debug)]
pub(crate) struct ClientHandle {
    client: NonNull<rd_kafka_t>,
}

// SAFETY: librdkafka's client may be used from any thread at the same time; the pointer itself is never changed.
unsafe impl Send for ClientHandle {}
// SAFETY: as above.
unsafe impl Sync for ClientHandle {}

impl ClientHandle {
    pub(super) fn as_ptr(&self) -> *mut rd_kafka_t {
        self.client.as_ptr()
    }
}

/// How often a client that is to be closed looks whether it is still in use.
const LOOKS_AGAIN: Duration = Duration::from_millis(100);

/// A consumer together with the handle that everything taken from it holds.
///
/// Dropping it closes the consumer (leaves the group), which has no deadline of its own: drop it on a thread that nobody
/// has to wait for. If a clone of the handle is still alive, it waits until none is, for as long as that takes.
pub(crate) struct OwnedClient<C: ConsumerContext> {
    consumer: ManuallyDrop<BaseConsumer<C>>,
    handle: Arc<ClientHandle>,
}

impl<C: ConsumerContext> OwnedClient<C> {
    pub(crate) fn new(consumer: BaseConsumer<C>) -> Self {
        let client = NonNull::new(consumer.client().native_ptr()).expect("a consumer has a client");
        Self { consumer: ManuallyDrop::new(consumer), handle: Arc::new(ClientHandle { client }) }
    }

    pub(crate) fn handle(&self) -> &Arc<ClientHandle> {
        &self.handle
    }

    /// Whether queues, batches or commits of this client are still alive.
    pub(crate) fn in_use(&self) -> bool {
        Arc::strong_count(&self.handle) > 1
    }
}

impl<C: ConsumerContext> Deref for OwnedClient<C> {
    type Target = BaseConsumer<C>;

    fn deref(&self) -> &Self::Target {
        &self.consumer
    }
}

impl<C: ConsumerContext> Drop for OwnedClient<C> {
    fn drop(&mut self) {
        if self.in_use() {
            tracing::warn!(
                "a handler outlives its consumer, whose client is closed when that handler has finished"
            );
            while self.in_use() {
                thread::sleep(LOOKS_AGAIN);
            }
        }
        // SAFETY: dropped once, here. No clone of the handle is left, and none can be made while `self` is being
        // dropped: clones are made from `self.handle` or from another clone only (the context holds a `Weak`, and
        // upgrades it only in callbacks that this thread serves, of which none may create a queue while closing).
        unsafe { ManuallyDrop::drop(&mut self.consumer) };
    }
}
