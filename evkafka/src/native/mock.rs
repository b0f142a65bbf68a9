use std::time::Duration;

use rdkafka::{
    ClientContext,
    bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms},
    client::Client,
};

/// How long a group of the client's own mock cluster waits for more members after the first. Does nothing if the client has none.
pub(crate) fn set_initial_rebalance_delay<C: ClientContext>(client: &Client<C>, delay: Duration) {
    let millis = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive, and its mock cluster lives as long as it does; the setting is made under the cluster's lock.
    unsafe {
        let mock = rd_kafka_handle_mock_cluster(client.native_ptr());
        if !mock.is_null() {
            rd_kafka_mock_group_initial_rebalance_delay_ms(mock, millis);
        }
    }
}
