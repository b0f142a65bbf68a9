use std::time::Duration;

use rdkafka::{
    ClientContext,
    bindings::{
        rd_kafka_handle_mock_cluster, rd_kafka_mock_cluster_t,
        rd_kafka_mock_group_initial_rebalance_delay_ms,
        rd_kafka_mock_set_group_consumer_heartbeat_interval_ms,
    },
    client::Client,
};

/// How the client's own mock cluster deals with groups. Does nothing if the client has none.
pub(crate) fn set_group_timing<C: ClientContext>(client: &Client<C>, timing: GroupTiming) {
    let millis = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive, and its mock cluster lives as long as it does; the settings are made under the cluster's lock.
    unsafe {
        let mock: *mut rd_kafka_mock_cluster_t = rd_kafka_handle_mock_cluster(client.native_ptr());
        if !mock.is_null() {
            let GroupTiming { initial_rebalance_delay, heartbeat_interval } = timing;
            rd_kafka_mock_group_initial_rebalance_delay_ms(mock, millis(initial_rebalance_delay));
            rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(mock, millis(heartbeat_interval));
        }
    }
}

/// What a mock cluster waits for in a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupTiming {
    /// In the classic protocol: how long it waits for more members after the first.
    pub(crate) initial_rebalance_delay: Duration,
    /// In the new protocol: how often members ask what is new.
    pub(crate) heartbeat_interval: Duration,
}
