use std::{
    ffi::c_int,
    ptr::{self, NonNull},
    slice,
    time::Duration,
};

use rdkafka::{
    bindings::{
        rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_set_isolation_level,
        rd_kafka_AdminOptions_set_request_timeout, rd_kafka_AdminOptions_t, rd_kafka_ListOffsets,
        rd_kafka_ListOffsets_result_infos, rd_kafka_ListOffsetsResultInfo_topic_partition,
        rd_kafka_admin_op_t, rd_kafka_event_ListOffsets_result, rd_kafka_event_destroy, rd_kafka_event_t,
        rd_kafka_queue_destroy, rd_kafka_queue_new, rd_kafka_queue_poll, rd_kafka_t,
        rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_t,
    },
    error::RDKafkaErrorCode,
};

use super::{
    ClientHandle,
    error_code::{from_number, into_result, result_at},
    list::{PartitionList, topic},
    millis::millis,
};

// As in rdkafka's bindings, but that the error comes as a number: a broker may have sent one that their enumeration lacks.
unsafe extern "C" {
    fn rd_kafka_offsets_for_times(
        client: *mut rd_kafka_t,
        offsets: *mut rd_kafka_topic_partition_list_t,
        timeout_ms: c_int,
    ) -> c_int;
    fn rd_kafka_event_error(event: *mut rd_kafka_event_t) -> c_int;
}

/// A place in a log, as Kafka's ListOffsets has it: a time, or a value that stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where the log starts.
    Start,
    /// Where the next record will be, for a reader at the client's `isolation.level`.
    End,
    /// The first record at this time (milliseconds since 1970) or later.
    Time(i64),
}

impl Place {
    fn timestamp(self) -> i64 {
        match self {
            Self::Start => -2,
            Self::End => -1,
            Self::Time(millis) => millis.max(0),
        }
    }
}

/// What a broker says of one partition: topic, partition, and the offset, which is `None` if there is no record at the time or later.
pub(crate) type Listed = (String, i32, Result<Option<i64>, RDKafkaErrorCode>);

/// Asks the brokers for the offset of a place in each of these partitions: topic, partition and offset. Blocks, for at most
/// `timeout`. Partitions of which a broker says nothing but an error are left out.
///
/// # Errors
/// If there is no answer in time.
pub(crate) fn list_offsets<'p>(
    client: &ClientHandle,
    partitions: impl Iterator<Item = (&'p str, i32)>,
    place: Place,
    timeout: Duration,
) -> Result<Vec<(String, i32, i64)>, RDKafkaErrorCode> {
    query_offsets(client, partitions, place, timeout).map(known)
}

/// The same, with what a broker says of each partition.
///
/// # Errors
/// As above.
pub(crate) fn query_offsets<'p>(
    client: &ClientHandle,
    partitions: impl Iterator<Item = (&'p str, i32)>,
    place: Place,
    timeout: Duration,
) -> Result<Vec<Listed>, RDKafkaErrorCode> {
    let Some(list) = asked_for(partitions, place) else { return Ok(Vec::new()) };
    // SAFETY: client and list are alive.
    from_number(unsafe { rd_kafka_offsets_for_times(client.as_ptr(), list.as_ptr(), millis(timeout)) })?;
    Ok(list.elements().iter().map(read).collect())
}

/// Like [`list_offsets`], but what one broker answers does not depend on the others: there all is lost if the leader of one partition
/// cannot be reached, or is not known to be another yet.
///
/// It takes librdkafka the square of the number of partitions, and all of `timeout` if a broker does not answer.
///
/// # Errors
/// If it is not known in time of all topics who leads their partitions.
pub(crate) fn list_offsets_apart<'p>(
    client: &ClientHandle,
    partitions: impl Iterator<Item = (&'p str, i32)>,
    place: Place,
    timeout: Duration,
) -> Result<Vec<(String, i32, i64)>, RDKafkaErrorCode> {
    let Some(list) = asked_for(partitions, place) else { return Ok(Vec::new()) };
    let event = ask_each(client, &list, timeout).ok_or(RDKafkaErrorCode::OperationTimedOut)?;
    // SAFETY: an event of our own, which is read before it is destroyed.
    unsafe {
        let listed = from_number(rd_kafka_event_error(event.as_ptr())).map(|()| listed_in(event));
        rd_kafka_event_destroy(event.as_ptr());
        Ok(known(listed?))
    }
}

/// Waits for the answer of all brokers, or what has come of it when the time is up.
fn ask_each(
    client: &ClientHandle,
    list: &PartitionList,
    timeout: Duration,
) -> Option<NonNull<rd_kafka_event_t>> {
    /// librdkafka's own time has to be up before ours. It is told the same twice: to look for leaders, and to ask each of them.
    const MARGIN: Duration = Duration::from_millis(200);
    // SAFETY: client and list are alive, and the list is copied; options and queue are our own, and destroyed here: what arrives after
    // that is destroyed by librdkafka.
    unsafe {
        let client_options = options(client, timeout);
        let queue = rd_kafka_queue_new(client.as_ptr());
        rd_kafka_ListOffsets(client.as_ptr(), list.as_ptr(), client_options, queue);
        let event = rd_kafka_queue_poll(queue, millis(2 * timeout + MARGIN));
        rd_kafka_queue_destroy(queue);
        rd_kafka_AdminOptions_destroy(client_options);
        NonNull::new(event)
    }
}

/// What may be asked of a cluster's administration has settings of its own.
///
/// # Safety
/// The client is alive. The options are given up to the caller.
unsafe fn options(client: &ClientHandle, timeout: Duration) -> *mut rd_kafka_AdminOptions_t {
    // SAFETY: the client is alive (caller), the options are, and no text of an error is asked for.
    unsafe {
        let options =
            rd_kafka_AdminOptions_new(client.as_ptr(), rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS);
        // Both fail only for values that are out of range.
        let _ =
            rd_kafka_AdminOptions_set_request_timeout(options, millis(timeout).max(1), ptr::null_mut(), 0);
        let _ = into_result(rd_kafka_AdminOptions_set_isolation_level(options, client.isolation_level));
        options
    }
}

/// # Safety
/// The event is alive, and an answer to [`rd_kafka_ListOffsets`].
unsafe fn listed_in(event: NonNull<rd_kafka_event_t>) -> Vec<Listed> {
    let mut count = 0;
    // SAFETY: the event is alive (caller), and all that is in it as long.
    unsafe {
        let result = rd_kafka_event_ListOffsets_result(event.as_ptr());
        if result.is_null() {
            return Vec::new();
        }
        let infos = rd_kafka_ListOffsets_result_infos(result, &mut count);
        let infos = if count == 0 { &[] } else { slice::from_raw_parts(infos, count) };
        infos.iter().map(|info| read(&*rd_kafka_ListOffsetsResultInfo_topic_partition(*info))).collect()
    }
}

/// `None` if nothing is asked for.
fn asked_for<'p>(partitions: impl Iterator<Item = (&'p str, i32)>, place: Place) -> Option<PartitionList> {
    let mut list = PartitionList::with_capacity(partitions.size_hint().0);
    for (topic, partition) in partitions {
        list.add(topic, partition).offset = place.timestamp();
    }
    (!list.elements().is_empty()).then_some(list)
}

fn read(element: &rd_kafka_topic_partition_t) -> Listed {
    // SAFETY: the element is alive.
    let result = unsafe { result_at(&raw const element.err) };
    // Below zero stand librdkafka's logical offsets: there is none, or its broker has not answered.
    let offset = result.map(|()| Some(element.offset).filter(|offset| *offset >= 0));
    (topic(element), element.partition, offset)
}

fn known(listed: Vec<Listed>) -> Vec<(String, i32, i64)> {
    let known = |(topic, partition, offset): Listed| Some((topic, partition, offset.ok()??));
    listed.into_iter().filter_map(known).collect()
}
