use std::{ffi::c_int, time::Duration};

use rdkafka::{
    bindings::{
        rd_kafka_error_destroy, rd_kafka_error_t, rd_kafka_seek_partitions, rd_kafka_topic_partition_t,
    },
    error::RDKafkaErrorCode,
};

use super::{
    ClientHandle,
    error_code::{from_number, result_at},
    list::{PartitionList, topic},
    millis::millis,
};

// As in rdkafka's bindings, but that the error comes as a number.
unsafe extern "C" {
    fn rd_kafka_error_code(error: *const rd_kafka_error_t) -> c_int;
}

/// Has librdkafka fetch these partitions from these offsets on, and waits until it does, for at most `timeout`. The partitions of which
/// it does; the others cannot be fetched yet, or it takes longer.
///
/// From the call on, nothing that was fetched before comes out of the partitions' queues.
pub(crate) fn seek<'p>(
    client: &ClientHandle,
    partitions: impl Iterator<Item = (&'p str, i32, i64)>,
    timeout: Duration,
) -> Vec<(String, i32)> {
    let list = list(partitions);
    // Zero would not wait.
    match call(client, &list, millis(timeout).max(1)) {
        // Some may have been in time: it stands in the list.
        Ok(()) | Err(RDKafkaErrorCode::OperationTimedOut) => {}
        Err(_) => return Vec::new(),
    }
    let is_sought = |element: &&rd_kafka_topic_partition_t| {
        // SAFETY: the element is alive.
        unsafe { result_at(&raw const element.err) }.is_ok()
    };
    let sought = list.elements().iter().filter(is_sought);
    sought.map(|element| (topic(element), element.partition)).collect()
}

/// The same for one partition without waiting, and without hearing of it.
pub(super) fn begin_to_seek(client: &ClientHandle, topic: &str, partition: i32, offset: i64) {
    // Without a wait there is no error but that the list is empty.
    let _ = call(client, &list(std::iter::once((topic, partition, offset))), 0);
}

fn list<'p>(partitions: impl Iterator<Item = (&'p str, i32, i64)>) -> PartitionList {
    let mut list = PartitionList::with_capacity(partitions.size_hint().0);
    for (topic, partition, offset) in partitions {
        list.add(topic, partition).offset = offset;
    }
    list
}

fn call(client: &ClientHandle, list: &PartitionList, millis: c_int) -> Result<(), RDKafkaErrorCode> {
    // SAFETY: client and list are alive, and librdkafka is done with the list when it returns.
    let error = unsafe { rd_kafka_seek_partitions(client.as_ptr(), list.as_ptr(), millis) };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is ours, and destroyed once.
    unsafe {
        let code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        from_number(code)
    }
}
