use std::{
    ffi::{c_int, c_void},
    ptr::{self, NonNull},
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    bindings::{
        RD_KAFKA_EVENT_OFFSET_COMMIT, rd_kafka_event_destroy, rd_kafka_event_t,
        rd_kafka_event_topic_partition_list, rd_kafka_event_type, rd_kafka_mem_malloc, rd_kafka_queue_new,
        rd_kafka_queue_poll, rd_kafka_queue_t, rd_kafka_t, rd_kafka_topic_partition_list_t,
        rd_kafka_topic_partition_t,
    },
    error::RDKafkaErrorCode,
};
use tokio::sync::Notify;

use super::{
    ClientHandle,
    error_code::{from_number, result_at},
    list::{PartitionList, elements, topic},
    raw_queue::RawQueue,
};
use crate::settle::Commit;

// As in rdkafka's bindings, but that the error comes as a number: a broker may have sent one that their enumeration lacks.
unsafe extern "C" {
    fn rd_kafka_event_error(event: *mut rd_kafka_event_t) -> c_int;
    fn rd_kafka_commit_queue(
        client: *mut rd_kafka_t,
        offsets: *const rd_kafka_topic_partition_list_t,
        queue: *mut rd_kafka_queue_t,
        callback: Option<unsafe extern "C" fn()>,
        opaque: *mut c_void,
    ) -> c_int;
}

/// What to commit of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommitEntry {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) commit: Commit,
}

/// The broker's answer to a commit, or librdkafka's in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommitReply {
    /// The error of the commit as a whole, if there is one.
    pub(crate) result: Result<(), RDKafkaErrorCode>,
    /// The partitions that have an error of their own, with it.
    pub(crate) refused: Vec<(String, i32, RDKafkaErrorCode)>,
}

impl CommitReply {
    /// There was no answer in time.
    pub(crate) fn timed_out() -> Self {
        Self::refused(RDKafkaErrorCode::OperationTimedOut)
    }

    /// Nothing of it was taken.
    pub(crate) fn refused(code: RDKafkaErrorCode) -> Self {
        Self { result: Err(code), refused: Vec::new() }
    }

    /// The first error in it.
    pub(crate) fn first_error(&self) -> Result<(), RDKafkaErrorCode> {
        self.refused.first().map_or(self.result, |(.., code)| Err(*code))
    }

    /// Whether the broker has taken this entry's offset.
    pub(crate) fn accepts(&self, entry: &CommitEntry) -> bool {
        let is_refused = |(topic, partition, _): &(String, i32, _)| {
            *partition == entry.partition && *topic == *entry.topic
        };
        !self.refused.iter().any(is_refused) && (self.result.is_ok() || !self.refused.is_empty())
    }
}

/// Commits explicit offsets and gets the answers on a queue of its own, so that nobody has to block.
pub(crate) struct CommitQueue(RawQueue);

impl CommitQueue {
    pub(crate) fn new(client: &Arc<ClientHandle>) -> Self {
        // SAFETY: the client is alive; the new queue is ours.
        let queue = unsafe { rd_kafka_queue_new(client.as_ptr()) };
        let queue = NonNull::new(queue).expect("librdkafka returns a queue or aborts");
        // SAFETY: as said.
        Self(unsafe { RawQueue::new(queue, Arc::clone(client)) })
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
        let mut list = PartitionList::with_capacity(entries.len());
        for entry in entries {
            let element = list.add(&entry.topic, entry.partition);
            let Commit { offset, metadata, .. } = &entry.commit;
            element.offset = *offset;
            if !metadata.is_empty() {
                // SAFETY: the client is alive. The bytes are copied into memory of librdkafka's own, which returns it or
                // aborts, and which frees it with the list.
                element.metadata = unsafe {
                    let copy = rd_kafka_mem_malloc(self.0.client.as_ptr(), metadata.len());
                    ptr::copy_nonoverlapping(metadata.as_ptr(), copy.cast(), metadata.len());
                    copy
                };
                element.metadata_size = metadata.len();
            }
        }
        // SAFETY: client, list and queue are alive, and the list is copied; without a callback the answer becomes an event on
        // the queue.
        let result = unsafe {
            let (client, queue) = (self.0.client.as_ptr(), self.0.as_ptr());
            rd_kafka_commit_queue(client, list.as_ptr(), queue, None, ptr::null_mut())
        };
        from_number(result)
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
                result: from_number(rd_kafka_event_error(event)),
                refused: refused(rd_kafka_event_topic_partition_list(event)),
            });
            rd_kafka_event_destroy(event);
            reply
        }
    }
}

/// The elements that have an error.
///
/// # Safety
/// `list` is null or a valid list.
unsafe fn refused(list: *const rd_kafka_topic_partition_list_t) -> Vec<(String, i32, RDKafkaErrorCode)> {
    // SAFETY: valid (caller).
    let Some(list) = (unsafe { list.as_ref() }) else { return Vec::new() };
    let refused = |element: &rd_kafka_topic_partition_t| {
        // SAFETY: the element is alive.
        let error = unsafe { result_at(&raw const element.err) }.err()?;
        Some((topic(element), element.partition, error))
    };
    elements(list).iter().filter_map(refused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(partition: i32) -> CommitEntry {
        CommitEntry { topic: "orders".into(), partition, commit: Commit::of(1) }
    }

    #[test]
    fn one_refused_partition_does_not_refuse_the_others() {
        let code = RDKafkaErrorCode::UnknownTopicOrPartition;
        let reply = CommitReply { result: Err(code), refused: vec![("orders".to_owned(), 1, code)] };
        assert!(reply.accepts(&entry(0)) && !reply.accepts(&entry(1)));
        assert_eq!(reply.first_error(), Err(code));
    }

    #[test]
    fn an_error_of_the_whole_commit_refuses_all() {
        assert!(!CommitReply::timed_out().accepts(&entry(0)));
        let accepted = CommitReply { result: Ok(()), refused: Vec::new() };
        assert!(accepted.accepts(&entry(0)));
    }
}
