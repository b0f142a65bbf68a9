use std::{
    ffi::{CStr, CString},
    ops::Range,
};

use rdkafka::bindings::{
    RD_KAFKA_OFFSET_INVALID, rd_kafka_get_watermark_offsets, rd_kafka_position, rd_kafka_resp_err_t,
    rd_kafka_topic_partition_t,
};

use super::{ClientHandle, list::PartitionList};

/// What librdkafka has at hand of one partition: nothing is asked of a broker.
pub(super) struct Position {
    topic: CString,
    partition: i32,
    /// A list of this partition.
    list: PartitionList,
}

impl Position {
    /// # Panics
    /// If the topic has a NUL in its name, which none has that librdkafka assigns.
    pub(super) fn new(topic: &str, partition: i32) -> Self {
        let mut list = PartitionList::with_capacity(1);
        list.add(topic, partition);
        let topic = CString::new(topic).expect("a topic that librdkafka assigned has no NUL");
        Self { topic, partition, list }
    }

    /// The offset behind all that has been taken from the partition's queue, control records included; where a rebalance resumes.
    /// `None` if nothing has been taken since the partition was assigned, or since a seek has taken effect.
    ///
    /// It is the highest of those that came out of the queue, errors included, which carry an offset too.
    pub(super) fn of_the_application(&mut self, client: &ClientHandle) -> Option<i64> {
        // SAFETY: client and list are alive. Whatever becomes of it, the element has an offset.
        unsafe { rd_kafka_position(client.as_ptr(), self.list.as_ptr()) };
        let [rd_kafka_topic_partition_t { offset, .. }] = self.list.elements() else { return None };
        Some(*offset).filter(|offset| *offset != i64::from(RD_KAFKA_OFFSET_INVALID))
    }

    /// The offset below which the log was deleted, as of the last answer to a fetch; `None` before the first.
    pub(super) fn start_of_the_log(&self, client: &ClientHandle) -> Option<i64> {
        watermarks(client, &self.topic, self.partition).0
    }

    /// The offset behind the last record, as of the last answer to a fetch; `None` before the first.
    pub(super) fn end_of_the_log(&self, client: &ClientHandle) -> Option<i64> {
        watermarks(client, &self.topic, self.partition).1
    }
}

/// Where a partition's log begins and ends, as of the last answer to a fetch; `None` before the first, and if that was refused. Nothing is
/// asked of a broker.
pub(crate) fn fetched_log(client: &ClientHandle, topic: &str, partition: i32) -> Option<Range<i64>> {
    let topic = CString::new(topic).ok()?;
    let (low, high) = watermarks(client, &topic, partition);
    // Old brokers do not tell the beginning.
    Some(low.unwrap_or(0)..high?)
}

/// Low and high, as far as they are known.
fn watermarks(client: &ClientHandle, topic: &CStr, partition: i32) -> (Option<i64>, Option<i64>) {
    let (mut low, mut high) = (i64::from(RD_KAFKA_OFFSET_INVALID), i64::from(RD_KAFKA_OFFSET_INVALID));
    // SAFETY: client and name are alive, and the out pointers valid.
    let result = unsafe {
        let (client, topic) = (client.as_ptr(), topic.as_ptr());
        rd_kafka_get_watermark_offsets(client, topic, partition, &mut low, &mut high)
    };
    let is_told = result == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
    let known = |offset: i64| Some(offset).filter(|offset| is_told && *offset >= 0);
    (known(low), known(high))
}
