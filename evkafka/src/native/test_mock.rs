use std::ffi::{CStr, c_int};

use rdkafka::bindings::{
    rd_kafka_handle_mock_cluster, rd_kafka_mock_cluster_t, rd_kafka_mock_topic_create, rd_kafka_t,
};

// As in the bindings, but with codes that their enumeration lacks.
unsafe extern "C" {
    fn rd_kafka_mock_push_request_errors_array(
        cluster: *mut rd_kafka_mock_cluster_t,
        api_key: i16,
        count: usize,
        errors: *const c_int,
    );
}

/// Has the client's own mock cluster create a topic of one partition, and answer the next requests of this kind with these errors,
/// whatever their numbers.
///
/// # Safety
/// The client is alive, and has a mock cluster.
pub(super) unsafe fn refuse(client: *mut rd_kafka_t, topic: &CStr, api_key: i16, errors: &[c_int]) {
    // SAFETY: the cluster lives as long as the client (caller); name and codes are copied.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(client);
        rd_kafka_mock_topic_create(cluster, topic.as_ptr(), 1, 1);
        rd_kafka_mock_push_request_errors_array(cluster, api_key, errors.len(), errors.as_ptr());
    }
}
