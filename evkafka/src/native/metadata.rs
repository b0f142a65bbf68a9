use std::{
    ffi::{CStr, CString, c_int},
    ptr,
    time::Duration,
};

use rdkafka::{
    bindings::{
        rd_kafka_metadata_destroy, rd_kafka_metadata_t, rd_kafka_metadata_topic_t, rd_kafka_t,
        rd_kafka_topic_destroy, rd_kafka_topic_new, rd_kafka_topic_t,
    },
    error::RDKafkaErrorCode,
};

use super::{
    ClientHandle,
    error_code::{from_number, result_at},
    millis::millis,
};

// As in rdkafka's bindings, but that the error comes as a number: a broker may have sent one that their enumeration lacks.
unsafe extern "C" {
    fn rd_kafka_metadata(
        client: *mut rd_kafka_t,
        all_topics: c_int,
        only_topic: *mut rd_kafka_topic_t,
        metadata: *mut *const rd_kafka_metadata_t,
        timeout_ms: c_int,
    ) -> c_int;
}

/// What a cluster says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClusterMetadata {
    pub(crate) topics: Vec<TopicMetadata>,
}

/// What a cluster says of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    pub(crate) name: String,
    /// How many partitions it has, or why that is not known.
    pub(crate) partitions: Result<usize, RDKafkaErrorCode>,
}

/// Asks a cluster for one topic, or for all. Blocks, for at most `timeout`.
///
/// # Errors
/// If there is no answer in time.
pub(crate) fn metadata(
    client: &ClientHandle,
    topic: Option<&str>,
    timeout: Duration,
) -> Result<ClusterMetadata, RDKafkaErrorCode> {
    let name = topic.map(CString::new).transpose().map_err(|_| RDKafkaErrorCode::InvalidTopic)?;
    let mut answer = ptr::null();
    // SAFETY: the client is alive; the name is copied; the topic is ours, and given back; what is written on success is ours, and
    // given back when it was read.
    unsafe {
        let only = match &name {
            Some(name) => rd_kafka_topic_new(client.as_ptr(), name.as_ptr(), ptr::null_mut()),
            None => ptr::null_mut(),
        };
        if name.is_some() && only.is_null() {
            return Err(RDKafkaErrorCode::InvalidTopic);
        }
        let result = rd_kafka_metadata(
            client.as_ptr(),
            c_int::from(name.is_none()),
            only,
            &mut answer,
            millis(timeout),
        );
        if !only.is_null() {
            rd_kafka_topic_destroy(only);
        }
        from_number(result)?;
        let metadata = read(answer);
        rd_kafka_metadata_destroy(answer);
        Ok(metadata)
    }
}

/// # Safety
/// `metadata` is alive.
unsafe fn read(metadata: *const rd_kafka_metadata_t) -> ClusterMetadata {
    // SAFETY: alive (caller), with as many topics as it says.
    let topics = unsafe {
        let count = usize::try_from((*metadata).topic_cnt).unwrap_or(0);
        (0..count).map(|index| read_topic((*metadata).topics.add(index))).collect()
    };
    ClusterMetadata { topics }
}

/// # Safety
/// `topic` is alive.
unsafe fn read_topic(topic: *const rd_kafka_metadata_topic_t) -> TopicMetadata {
    // SAFETY: alive (caller), and its name as long. The error may be any number, so that there is no reference to the whole.
    unsafe {
        let partitions = usize::try_from((*topic).partition_cnt).unwrap_or(0);
        TopicMetadata {
            name: CStr::from_ptr((*topic).topic).to_string_lossy().into_owned(),
            partitions: result_at(&raw const (*topic).err).map(|()| partitions),
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::bindings::{
        rd_kafka_handle_mock_cluster, rd_kafka_mock_cluster_t, rd_kafka_mock_topic_create,
    };

    use super::*;
    use crate::native::OwnedClient;

    // As in the bindings, but with a code that their enumeration lacks.
    unsafe extern "C" {
        fn rd_kafka_mock_topic_set_error(
            cluster: *mut rd_kafka_mock_cluster_t,
            topic: *const std::ffi::c_char,
            error: c_int,
        );
    }

    #[test]
    fn a_topic_whose_error_librdkafka_does_not_know_has_an_unknown_error() {
        let mut settings = rdkafka::ClientConfig::new();
        settings.set("test.mock.num.brokers", "1");
        let client = OwnedClient::new(&settings).expect("librdkafka takes the settings");
        // SAFETY: the client has a mock cluster, which lives as long; the names are copied.
        unsafe {
            let cluster = rd_kafka_handle_mock_cluster(client.handle().as_ptr());
            rd_kafka_mock_topic_create(cluster, c"orders".as_ptr(), 3, 1);
            rd_kafka_mock_topic_create(cluster, c"refunds".as_ptr(), 1, 1);
            // INCONSISTENT_TOPIC_ID.
            rd_kafka_mock_topic_set_error(cluster, c"refunds".as_ptr(), 103);
        }
        let look =
            |topic| metadata(client.handle(), Some(topic), Duration::from_secs(60)).expect("an answer");
        assert_eq!(look("orders").topics, [TopicMetadata { name: "orders".to_owned(), partitions: Ok(3) }]);
        let unknown = Err(RDKafkaErrorCode::Unknown);
        assert_eq!(
            look("refunds").topics,
            [TopicMetadata { name: "refunds".to_owned(), partitions: unknown }]
        );
    }
}
