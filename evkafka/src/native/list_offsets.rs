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
    let listed = query_offsets(client, partitions, place, timeout)?;
    let known = |(topic, partition, offset): Listed| Some((topic, partition, offset.ok()??));
    Ok(listed.into_iter().filter_map(known).collect())
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
    let millis = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    let mut list = PartitionList::with_capacity(partitions.size_hint().0);
    for (topic, partition) in partitions {
        list.add(topic, partition).offset = place.timestamp();
    }
    if list.elements().is_empty() {
        return Ok(Vec::new());
    }
    // SAFETY: client and list are alive.
    from_number(unsafe { rd_kafka_offsets_for_times(client.as_ptr(), list.as_ptr(), millis) })?;
    let read = |element: &rd_kafka_topic_partition_t| {
        // SAFETY: the element is alive.
        let result = unsafe { result_at(&raw const element.err) };
        let offset = result.map(|()| Some(element.offset).filter(|offset| *offset >= 0));
        (topic(element), element.partition, offset)
    };
    Ok(list.elements().iter().map(read).collect())
}
