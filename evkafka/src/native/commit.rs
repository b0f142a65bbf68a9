use std::{
    ffi::CString,
    ptr::{self, NonNull},
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    bindings::{
        RD_KAFKA_EVENT_OFFSET_COMMIT, rd_kafka_commit_queue, rd_kafka_event_destroy, rd_kafka_event_error,
        rd_kafka_event_topic_partition_list, rd_kafka_event_type, rd_kafka_queue_new, rd_kafka_queue_poll,
        rd_kafka_resp_err_t, rd_kafka_topic_partition_list_add, rd_kafka_topic_partition_list_destroy,
        rd_kafka_topic_partition_list_new,
    },
    error::RDKafkaErrorCode,
};
use tokio::sync::Notify;

use super::{ClientHandle, queue::Queue};

/// An offset to commit: that of the record after the last settled one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommitEntry {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// The broker's answer to a commit, or librdkafka's in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitReply {
    /// The first error: of the whole commit, or of one of its partitions.
    pub(crate) result: Result<(), RDKafkaErrorCode>,
}

/// Commits explicit offsets and gets the answers on a queue of its own, so that nobody has to block.
pub(crate) struct CommitQueue(Queue);

impl CommitQueue {
    pub(crate) fn new(client: &Arc<ClientHandle>) -> Self {
        // SAFETY: the client is alive; the new queue is ours.
        let queue = unsafe { rd_kafka_queue_new(client.as_ptr()) };
        let queue = NonNull::new(queue).expect("librdkafka returns a queue or aborts");
        // SAFETY: as said.
        Self(unsafe { Queue::new(queue, Arc::clone(client)) })
    }

    /// From now on, `waker` is notified when an answer arrives.
    pub(crate) fn listen(&mut self, waker: Arc<Notify>) {
        self.0.listen(waker);
    }

    /// Sends a commit; the answer arrives on the queue.
    ///
    /// # Errors
    /// When librdkafka does not take it; then there will be no answer.
    pub(crate) fn send(&self, entries: &[CommitEntry]) -> Result<(), RDKafkaErrorCode> {
        // SAFETY: creates a list of our own, which is destroyed below; librdkafka copies it.
        let list =
            unsafe { rd_kafka_topic_partition_list_new(i32::try_from(entries.len()).unwrap_or(i32::MAX)) };
        for entry in entries {
            let topic = CString::new(&*entry.topic).expect("a topic that librdkafka assigned has no NUL");
            // SAFETY: the list is ours, the name is copied, and what is returned points into the list.
            unsafe {
                (*rd_kafka_topic_partition_list_add(list, topic.as_ptr(), entry.partition)).offset =
                    entry.offset;
            }
        }
        // SAFETY: client, list and queue are alive; without a callback the answer becomes an event on the queue.
        let result = unsafe {
            let result =
                rd_kafka_commit_queue(self.0.client.as_ptr(), list, self.0.as_ptr(), None, ptr::null_mut());
            rd_kafka_topic_partition_list_destroy(list);
            result
        };
        into_result(result)
    }

    /// Waits for an answer, for at most `timeout` (in steps of a millisecond; zero does not wait).
    pub(crate) fn poll(&self, timeout: Duration) -> Option<CommitReply> {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: queue and client are alive.
        let event = unsafe { rd_kafka_queue_poll(self.0.as_ptr(), millis) };
        if event.is_null() {
            return None;
        }
        // SAFETY: the event is ours until it is destroyed, and its list lives as long as it does.
        unsafe {
            let is_commit = rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT;
            let reply = is_commit.then(|| CommitReply {
                result: into_result(rd_kafka_event_error(event))
                    .and_then(|()| first_error(rd_kafka_event_topic_partition_list(event))),
            });
            rd_kafka_event_destroy(event);
            reply
        }
    }
}

/// # Safety
/// `list` is null or a valid list.
unsafe fn first_error(
    list: *const rdkafka::bindings::rd_kafka_topic_partition_list_t,
) -> Result<(), RDKafkaErrorCode> {
    // SAFETY: valid (caller).
    let Some(list) = (unsafe { list.as_ref() }) else { return Ok(()) };
    let count = usize::try_from(list.cnt).unwrap_or(0);
    // SAFETY: `elems` points to `cnt` elements.
    (0..count).try_for_each(|index| into_result(unsafe { (*list.elems.add(index)).err }))
}

fn into_result(error: rd_kafka_resp_err_t) -> Result<(), RDKafkaErrorCode> {
    match error {
        rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        error => Err(error.into()),
    }
}
