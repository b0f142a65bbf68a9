//! Where the logs of assigned partitions end, for the lag.
//!
//! librdkafka learns that with what it fetches, so not of a partition that is paused or whose queue is full; and it does not tell where
//! the first open transaction begins. So the brokers are asked for it now and then; and where a log ends elsewhere than its records, it is
//! seen that they do not come.

use std::{
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use super::silence::{Idle, Silences, Silent};
use crate::{
    engine::assignment::{Assignment, LaneHandle, TopicPartition},
    native::{ClientHandle, Place, fetched_log, list_offsets, list_offsets_apart},
};

/// How often they are asked.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long they may take, all of them together, and then each by itself. The client cannot be closed meanwhile.
const TIMEOUT: Duration = Duration::from_secs(1);

/// When the brokers are asked next.
pub(super) struct Ends {
    next: Instant,
    /// There as long as they are asked.
    asking: Weak<()>,
    silences: Silences,
}

impl Ends {
    pub(super) fn new(silences: Silences) -> Self {
        silences.begin();
        Self { next: Instant::now() + INTERVAL, asking: Weak::new(), silences }
    }

    /// Partitions may have been paused since the last look.
    pub(super) fn interrupted(&self) {
        self.silences.begin();
    }

    /// The partitions of which no records come, each once.
    pub(super) fn take_silent(&self) -> Vec<Silent> {
        self.silences.take_found()
    }

    /// Has the brokers asked, on a thread of its own, if it is time.
    pub(super) fn look(&mut self, client: &Arc<ClientHandle>, assignment: &Assignment, now: Instant) {
        if now < self.next || self.asking.strong_count() > 0 {
            return;
        }
        self.next = now + INTERVAL;
        let lanes: Vec<_> = assignment.all().into_iter().filter(|(_, lane)| lane.owned).collect();
        if lanes.is_empty() {
            return;
        }
        let (asking, client, silences) = (Arc::new(()), Arc::clone(client), self.silences.clone());
        self.asking = Arc::downgrade(&asking);
        let asks = move || {
            silences.look(ask(&client, &lanes), Instant::now());
            drop(asking);
        };
        // Without a thread, what is known grows old, and is asked for again.
        drop(thread::Builder::new().name("evkafka-ends".to_owned()).spawn(asks));
    }
}

/// Tells lanes where their logs end; those that have nothing at hand.
fn ask(client: &ClientHandle, lanes: &[(TopicPartition, LaneHandle)]) -> Vec<Idle> {
    let fetched =
        |((topic, partition), _): &(TopicPartition, LaneHandle)| fetched_log(client, topic, *partition);
    // Before: what is fetched meanwhile is newer than the answer.
    let logs: Vec<_> = lanes.iter().map(fetched).collect();
    let partitions = || lanes.iter().map(|((topic, partition), _)| (&**topic, *partition));
    let ends = list_offsets(client, partitions(), Place::End, TIMEOUT)
        .or_else(|_| list_offsets_apart(client, partitions(), Place::End, TIMEOUT))
        .unwrap_or_default();
    let mut idle = Vec::new();
    for ((key, lane), fetched) in lanes.iter().zip(logs) {
        let is_it = |(name, number, _): &&(String, i32, i64)| *key.0 == **name && *number == key.1;
        let end = ends.iter().find(is_it).map(|(.., end)| *end);
        if let Some(end) = end {
            lane.control.gauges.ends_at(end, fetched.as_ref().map(|log| log.end));
        }
        if let Some(position) = lane.control.idle_at() {
            let (partition, beats) = (key.clone(), lane.control.pulse.beats());
            idle.push(Idle { partition, position, beats, end, fetched });
        }
    }
    idle
}

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, mocking::MockCluster};

    use super::*;
    use crate::{engine::lane::LaneControl, native::OwnedClient};

    fn lane(partition: i32) -> (TopicPartition, LaneHandle) {
        let control = Arc::new(LaneControl::default());
        control.progress().advance(5);
        (("orders".into(), partition), LaneHandle { control, owned: true })
    }

    #[test]
    fn a_partition_whose_leader_does_not_answer_does_not_hide_where_the_others_end() {
        let cluster = MockCluster::new(2).expect("a cluster");
        cluster.create_topic("orders", 2, 1).expect("a topic");
        for (partition, leader) in [(0, 1), (1, 2)] {
            cluster.partition_leader("orders", partition, Some(leader)).expect("a leader");
        }
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", cluster.bootstrap_servers());
        let client = OwnedClient::new(&settings).expect("librdkafka takes the settings");
        let lanes = [lane(0), lane(1)];
        let ends = || ask(client.handle(), &lanes).into_iter().map(|idle| idle.end).collect::<Vec<_>>();
        let come_to = |wanted| (0..8).any(|_| ends() == wanted);
        assert!(come_to([Some(0), Some(0)]), "{:?}", ends());
        cluster.broker_round_trip_time(2, Duration::from_secs(3600)).expect("it is there");
        assert!(come_to([Some(0), None]), "{:?}", ends());
    }
}
