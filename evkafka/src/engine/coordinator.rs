//! Starts a lane for each assigned partition.

use std::{cell::Cell, sync::Arc};

use rdkafka::config::RDKafkaLogLevel;
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    assignment::{Assignment, LaneHandle, TopicPartition},
    commit_requests::CommitRequests,
    lane::{Finished, Lane, LaneControl, Worker},
    pipeline::Pipeline,
    recovery::{Waiting, recover},
    shared::Shared,
};
use crate::{
    error::Inner,
    native::{ClientHandle, PartitionList, PartitionQueue},
    record::Origin,
    settle::Progress,
};

/// Starts the lanes of what a member is assigned.
pub(super) struct Coordinator {
    pub(super) shared: Arc<Shared>,
    pub(super) pipeline: Arc<dyn Pipeline>,
    pub(super) assignment: Arc<Assignment>,
    pub(super) commit_requests: Arc<CommitRequests>,
    pub(super) runtime: Handle,
    /// How much of a partition may be worked on side by side.
    pub(super) work_bytes: u64,
    /// Whether partitions tell where they end.
    pub(super) tells_ends: bool,
    /// Whether what is assigned now is not to be read, because the member is leaving its group.
    pub(super) is_leaving: Cell<bool>,
}

impl Coordinator {
    /// Has a lane wait for the records of each of these partitions. The assignment must not have taken effect.
    pub(super) fn assign(&self, client: &Arc<ClientHandle>, partitions: Vec<TopicPartition>) {
        tracing::info!(consumer = %self.shared.consumer, partitions = %Names(&partitions), "partitions assigned");
        let mut waiting = Vec::new();
        for (topic, partition) in partitions {
            let Some(queue) = PartitionQueue::detach(client, Arc::clone(&topic), partition, self.tells_ends)
            else {
                self.shared.report(Inner::Engine {
                    consumer: Arc::clone(&self.shared.consumer),
                    message: format!("no queue for the assigned partition {topic}[{partition}]"),
                });
                return;
            };
            waiting.extend(self.start_lane(topic, partition, queue));
        }
        if !waiting.is_empty() {
            let (consumer, client) = (Arc::clone(&self.shared.consumer), Arc::clone(client));
            self.runtime.spawn_blocking(move || recover(&consumer, &client, waiting));
        }
    }

    /// Starts a lane; it may wait to hear what it goes on from.
    fn start_lane(&self, topic: Arc<str>, partition: i32, queue: PartitionQueue) -> Option<Waiting> {
        let control = Arc::new(LaneControl::default());
        if self.is_leaving.get() {
            // The lane ends before its first record.
            control.stop();
        }
        let progress = Arc::new(Progress::new());
        let handle =
            LaneHandle { control: Arc::clone(&control), progress: Arc::clone(&progress), owned: true };
        let before = self.assignment.insert((Arc::clone(&topic), partition), handle);
        let (waiting, recovered) = if self.shared.persist_progress {
            let (sender, recovered) = oneshot::channel();
            let partition = (Arc::clone(&topic), partition);
            (Some(Waiting { partition, control: Arc::clone(&control), recovered: sender }), Some(recovered))
        } else {
            (None, None)
        };
        let worker = Worker {
            origin: Origin { consumer: Arc::clone(&self.shared.consumer), topic, partition },
            shared: Arc::clone(&self.shared),
            control: Arc::clone(&control),
        };
        let lane = Lane {
            queue,
            worker: Arc::new(worker),
            finished: Finished::new(control, Arc::clone(&self.shared)),
            progress,
            has_begun: false,
            recovered,
            work_bytes: self.work_bytes,
            commit_requests: Arc::clone(&self.commit_requests),
            predecessor: before.map(|lane| lane.control).filter(|control| !control.is_finished()),
        };
        self.runtime.spawn(Arc::clone(&self.pipeline).run(lane));
        waiting
    }
}

/// librdkafka's own log.
pub(crate) fn log(consumer: &str, level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel as L;
    match level {
        L::Emerg | L::Alert | L::Critical | L::Error => {
            tracing::error!(target: "librdkafka", consumer, facility, "{message}");
        }
        L::Warning => tracing::warn!(target: "librdkafka", consumer, facility, "{message}"),
        L::Notice | L::Info => tracing::info!(target: "librdkafka", consumer, facility, "{message}"),
        L::Debug => tracing::debug!(target: "librdkafka", consumer, facility, "{message}"),
    }
}

/// The partitions of a list, of which those of one topic share its name.
pub(super) fn partitions(list: &PartitionList) -> Vec<TopicPartition> {
    let mut topics: Vec<Arc<str>> = Vec::new();
    list.partitions()
        .map(|(name, partition)| {
            let topic = topics.iter().find(|topic| ***topic == *name).cloned().unwrap_or_else(|| {
                let topic: Arc<str> = name.into();
                topics.push(Arc::clone(&topic));
                topic
            });
            (topic, partition)
        })
        .collect()
}

/// Partitions for a log line: `orders[0] orders[1]`.
pub(super) struct Names<'p>(pub(super) &'p [TopicPartition]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (topic, partition)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{topic}[{partition}]")?;
        }
        Ok(())
    }
}
