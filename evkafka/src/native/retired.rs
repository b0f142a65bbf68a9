use std::{
    mem, ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rdkafka::bindings::{
    rd_kafka_headers_destroy, rd_kafka_message_destroy, rd_kafka_message_detach_headers, rd_kafka_message_t,
    rd_kafka_resp_err_t,
};

use super::ClientHandle;

/// The messages of one partition that nobody needs any more. They wait to be destroyed by the thread that allocated them.
///
/// librdkafka allocates each message on the thread that talks to the broker, and glibc gives each thread an arena of its own,
/// under a lock. When other threads free what came from it, they and the one that allocates sleep and wake each other up:
/// with two cores, that took as much time as reading 2,000,000 records, and a consumer that skipped all of them took twice as long on
/// two cores as on one. So messages are collected here, and destroyed in the callback that librdkafka makes on that very thread
/// when it puts something into the partition's empty queue (see `PartitionQueue`, which empties it
/// at each take for the same reason).
///
/// What the callback does not come to is destroyed by the lane: when there is nothing to do, or with the next take but one.
pub(super) struct Retired {
    generations: Mutex<Generations>,
    /// Messages point into the client's memory.
    _client: Arc<ClientHandle>,
}

#[derive(Default)]
struct Generations {
    /// From before the last take.
    old: Vec<*mut rd_kafka_message_t>,
    young: Vec<*mut rd_kafka_message_t>,
}

// SAFETY: retired messages are owned, nobody else knows them, and they may be destroyed on any thread.
unsafe impl Send for Retired {}
// SAFETY: as above; access is under the lock.
unsafe impl Sync for Retired {}

impl Retired {
    pub(super) fn new(client: Arc<ClientHandle>) -> Self {
        Self { generations: Mutex::default(), _client: client }
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes messages that nobody needs any more.
    ///
    /// # Safety
    /// They must be alive, of this partition, and given up to the callee.
    pub(super) unsafe fn retire(&self, messages: &[*mut rd_kafka_message_t]) {
        if !messages.is_empty() {
            self.generations().young.extend_from_slice(messages);
        }
    }

    /// Destroys what has been waiting since before the last time, so that never more is waiting than two takes have brought.
    pub(super) fn age(&self) {
        let old = {
            let mut generations = self.generations();
            let young = mem::take(&mut generations.young);
            mem::replace(&mut generations.old, young)
        };
        destroy(old);
    }

    /// Destroys all of it.
    pub(super) fn destroy_all(&self) {
        let Generations { old, young } = mem::take(&mut *self.generations());
        destroy(old);
        destroy(young);
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        self.destroy_all();
    }
}

fn destroy(messages: Vec<*mut rd_kafka_message_t>) {
    for message in messages {
        // SAFETY: owned (see `Retired::retire`), and never touched again. This frees memory and counts references down, and waits
        // for nothing. (In librdkafka's callback, where the queue is locked: those to the partition and its topic are not the last
        // ones, because whoever puts something into the partition's queue has others.)
        unsafe { rd_kafka_message_destroy(message) };
    }
}

/// Destroys a message's headers, which were allocated by the thread that looked at them first, and had better be freed by it.
///
/// # Safety
/// `message` is alive, its headers were looked at, and nobody looks at them any more.
#[inline]
pub(super) unsafe fn destroy_headers(message: *mut rd_kafka_message_t) {
    let mut headers = ptr::null_mut();
    // SAFETY: the message is alive (caller).
    let result = unsafe { rd_kafka_message_detach_headers(message, &mut headers) };
    if result == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        // SAFETY: they are ours now, and nobody looks at them (caller).
        unsafe { rd_kafka_headers_destroy(headers) };
    }
}
