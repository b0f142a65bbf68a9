use std::{ffi::c_int, time::Duration};

use rdkafka::{
    bindings::{rd_kafka_t, rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_t},
    error::RDKafkaErrorCode,
};

use super::{
    ClientHandle,
    error_code::{from_number, result_at},
    list::{PartitionList, topic},
};

// As in rdkafka's bindings, but that the error comes as a number: a broker may have sent one that their enumeration lacks.
unsafe extern "C" {
    fn rd_kafka_offsets_for_times(
        client: *mut rd_kafka_t,
        offsets: *mut rd_kafka_topic_partition_list_t,
        timeout_ms: c_int,
    ) -> c_int;
}

/// A place in a log that has a name: a value that Kafka's ListOffsets takes in place of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where the log starts.
    Start = -2,
    /// Where the next record will be, for a reader at the client's `isolation.level`.
    End = -1,
}

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
    let millis = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    let mut list = PartitionList::with_capacity(partitions.size_hint().0);
    for (topic, partition) in partitions {
        list.add(topic, partition).offset = place as i64;
    }
    if list.elements().is_empty() {
        return Ok(Vec::new());
    }
    // SAFETY: client and list are alive.
    from_number(unsafe { rd_kafka_offsets_for_times(client.as_ptr(), list.as_ptr(), millis) })?;
    let read = |element: &rd_kafka_topic_partition_t| {
        // SAFETY: the element is alive.
        unsafe { result_at(&raw const element.err) }.ok()?;
        Some((topic(element), element.partition, element.offset)).filter(|(.., offset)| *offset >= 0)
    };
    Ok(list.elements().iter().filter_map(read).collect())
}
