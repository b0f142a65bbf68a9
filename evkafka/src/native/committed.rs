use std::{ffi::c_int, slice, time::Duration};

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
    fn rd_kafka_committed(
        client: *mut rd_kafka_t,
        partitions: *mut rd_kafka_topic_partition_list_t,
        timeout_ms: c_int,
    ) -> c_int;
}

/// What a group has committed of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// `None` if it has committed nothing; or why that is not known.
    pub(crate) offset: Result<Option<i64>, RDKafkaErrorCode>,
    pub(crate) metadata: Vec<u8>,
}

/// Asks the group's coordinator what is committed of these partitions. Blocks, for at most `timeout`.
///
/// # Errors
/// If there is no answer in time, or only an error.
pub(crate) fn committed<'p>(
    client: &ClientHandle,
    partitions: impl Iterator<Item = (&'p str, i32)>,
    timeout: Duration,
) -> Result<Vec<Committed>, RDKafkaErrorCode> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut list = PartitionList::with_capacity(0);
    for (topic, partition) in partitions {
        list.add(topic, partition);
    }
    // SAFETY: client and list are alive.
    from_number(unsafe { rd_kafka_committed(client.as_ptr(), list.as_ptr(), millis) })?;
    Ok(list.elements().iter().map(read).collect())
}

fn read(element: &rd_kafka_topic_partition_t) -> Committed {
    // SAFETY: the element is alive.
    let result = unsafe { result_at(&raw const element.err) };
    let metadata = if element.metadata.is_null() {
        Vec::new()
    } else {
        // SAFETY: librdkafka gives pointer and length of bytes that live as long as the element.
        unsafe { slice::from_raw_parts(element.metadata.cast(), element.metadata_size) }.to_vec()
    };
    Committed {
        topic: topic(element),
        partition: element.partition,
        // Below zero stand librdkafka's logical offsets, such as "none".
        offset: result.map(|()| Some(element.offset).filter(|offset| *offset >= 0)),
        metadata,
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;

    use super::*;
    use crate::native::{OwnedClient, test_mock};

    const NO_REQUEST: i16 = 0;

    #[test]
    fn the_error_of_one_partition_is_not_that_of_the_others() {
        let mut settings = ClientConfig::new();
        settings.set("test.mock.num.brokers", "1").set("group.id", "billing");
        let client = OwnedClient::new(&settings).expect("librdkafka takes the settings");
        // SAFETY: the client is alive, and has a mock cluster.
        unsafe { test_mock::refuse(client.handle().as_ptr(), c"orders", NO_REQUEST, &[]) };
        let asked = [("orders", 0), ("orders", 7)].into_iter();
        let found = committed(client.handle(), asked, Duration::from_secs(30)).expect("an answer");
        let offsets: Vec<_> = found.into_iter().map(|found| (found.partition, found.offset)).collect();
        assert_eq!(offsets, [(0, Ok(None)), (7, Err(RDKafkaErrorCode::UnknownTopicOrPartition))]);
    }
}
