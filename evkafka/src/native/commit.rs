use std::{
    ffi::{CStr, CString},
    ptr::{self, NonNull},
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    bindings::{
        RD_KAFKA_EVENT_OFFSET_COMMIT, rd_kafka_commit_queue, rd_kafka_event_destroy, rd_kafka_event_error,
        rd_kafka_event_topic_partition_list, rd_kafka_event_type, rd_kafka_queue_new, rd_kafka_queue_poll,
        rd_kafka_resp_err_t, rd_kafka_topic_partition_list_add, rd_kafka_topic_partition_list_destroy,
        rd_kafka_topic_partition_list_new, rd_kafka_topic_partition_list_t,
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
        Self { result: Err(RDKafkaErrorCode::OperationTimedOut), refused: Vec::new() }
    }

    /// The first error in it.
    pub(crate) fn into_result(self) -> Result<(), RDKafkaErrorCode> {
        self.refused.first().map_or(self.result, |(.., code)| Err(*code))
    }

    /// Whether the broker has taken this entry's offset.
    pub(crate) fn accepts(&self, entry: &CommitEntry) -> bool {
        let is_refused = |(topic, partition, _): &(String, i32, _)| {
            *partition == entry.partition && *topic == *entry.topic
        };
        // librdkafka repeats an error of one partition as that of the whole.
        !self.refused.iter().any(is_refused) && (self.result.is_ok() || !self.refused.is_empty())
    }
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
                result: into_result(rd_kafka_event_error(event)),
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
    let count = usize::try_from(list.cnt).unwrap_or(0);
    // SAFETY: `elems` points to `cnt` elements.
    let elements = (0..count).map(|index| unsafe { &*list.elems.add(index) });
    elements
        .filter_map(|element| {
            let code = into_result(element.err).err()?;
            // SAFETY: an element's topic is a string that ends with a NUL.
            let topic = unsafe { CStr::from_ptr(element.topic) }.to_string_lossy().into_owned();
            Some((topic, element.partition, code))
        })
        .collect()
}

fn into_result(error: rd_kafka_resp_err_t) -> Result<(), RDKafkaErrorCode> {
    match error {
        rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        error => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(partition: i32) -> CommitEntry {
        CommitEntry { topic: "orders".into(), partition, offset: 1 }
    }

    #[test]
    fn one_refused_partition_does_not_refuse_the_others() {
        let code = RDKafkaErrorCode::UnknownTopicOrPartition;
        let reply = CommitReply { result: Err(code), refused: vec![("orders".to_owned(), 1, code)] };
        assert!(reply.accepts(&entry(0)) && !reply.accepts(&entry(1)));
        assert_eq!(reply.into_result(), Err(code));
    }

    #[test]
    fn an_error_of_the_whole_commit_refuses_all() {
        assert!(!CommitReply::timed_out().accepts(&entry(0)));
        let accepted = CommitReply { result: Ok(()), refused: Vec::new() };
        assert!(accepted.accepts(&entry(0)));
    }
}
