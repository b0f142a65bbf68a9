//! Starts a lane for each assigned partition.

use std::{cell::Cell, sync::Arc, thread};

use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::sync::CancellationToken;

use super::tasks::Tasks;
use crate::{
    config::{OffsetReset, Shares},
    engine::{
        assignment::{Assignment, LaneHandle, TopicPartition},
        attempt::Worker,
        commands::Follower,
        commit::CommitRequests,
        lane::{Lane, LaneControl, OverGuard, Phase},
        observe::{MemberEvent, WatchedMember},
        pipeline::Pipeline,
        shared::Shared,
        start::{Starts, Waiting},
    },
    error::{Error, Inner},
    native::{ClientHandle, PartitionQueue},
    record::Origin,
    source::Queue,
};

/// Starts the lanes of what a member is assigned.
pub(super) struct Coordinator {
    pub(super) shared: Arc<Shared>,
    pub(super) member: Arc<WatchedMember>,
    /// Which of its consumer's members it is.
    pub(super) instance: u32,
    pub(super) pipeline: Arc<dyn Pipeline>,
    pub(super) assignment: Arc<Assignment>,
    pub(super) commit_requests: Arc<CommitRequests>,
    /// Stops the task that commits.
    pub(super) stop_committing: CancellationToken,
    pub(super) runtime: Handle,
    /// The lanes.
    pub(super) tasks: Arc<Tasks>,
    /// How the memory for fetched records is shared out.
    pub(super) shares: Shares,
    /// Where the group begins without a committed offset.
    pub(super) reset: OffsetReset,
    /// Whether what is assigned now is not to be read, because the member is leaving its group.
    pub(super) is_leaving: Cell<bool>,
}

impl Coordinator {
    /// Has a lane wait for the records of each of these partitions. The assignment must not have taken effect.
    pub(super) fn assign(
        &self,
        client: &Arc<ClientHandle>,
        partitions: Vec<TopicPartition>,
        member_id: Option<&str>,
    ) {
        self.member.tell(&MemberEvent::Assigned { partitions: &partitions, member_id });
        let mut waiting = Vec::new();
        for (topic, partition) in partitions {
            let Some(queue) = PartitionQueue::detach(client, Arc::clone(&topic), partition) else {
                self.shared.report(Inner::Engine {
                    consumer: Arc::clone(&self.shared.consumer),
                    message: format!("no queue for the assigned partition {topic}[{partition}]"),
                });
                return;
            };
            waiting.push(self.start_lane(topic, partition, queue));
        }
        if !waiting.is_empty() {
            self.find_starts(Arc::clone(client), waiting);
        }
    }

    /// How many partitions are assigned, if so many exceed the memory that was shared out: topics that a pattern matches, and
    /// partitions, may be added at any time, and librdkafka's limits stay what they were when its client was created.
    pub(super) fn outgrown(&self) -> Option<usize> {
        let assigned = self.assignment.owned();
        let excess = self.shares.exceeded_by(assigned)?;
        self.member.tell(&MemberEvent::Outgrown {
            assigned,
            shared_out_for: self.shares.partitions(),
            exceeded_by_mib: excess.div_ceil(1 << 20),
        });
        Some(assigned)
    }

    /// Looks up where lanes begin, on a thread of its own: brokers may take their time.
    fn find_starts(&self, client: Arc<ClientHandle>, lanes: Vec<Waiting>) {
        let starts = Starts {
            member: Arc::clone(&self.member),
            client,
            reset: self.reset,
            persist_progress: self.shared.persist_progress,
        };
        let thread = thread::Builder::new().name(format!("evkafka-{}-start", self.shared.consumer));
        if let Err(error) = thread.spawn(move || starts.find(lanes)) {
            self.shared.report(Error::other(error));
        }
    }

    /// Starts a lane, which waits to hear where it begins.
    fn start_lane(&self, topic: Arc<str>, partition: i32, queue: PartitionQueue) -> Waiting {
        let origin = Origin::new(Arc::clone(&self.shared.consumer), Arc::clone(&topic), partition);
        let control = Arc::new(LaneControl::watched(origin.clone(), Arc::clone(&self.shared.observers)));
        if self.is_leaving.get() {
            // The lane ends before its first record.
            control.enter(Phase::Stopping);
        }
        let handle = LaneHandle { control: Arc::clone(&control), owned: true };
        let queue = Queue::Kafka(Box::new(queue));
        self.shared.commands.admit(Follower {
            instance: self.instance,
            partition: (Arc::clone(&topic), partition),
            control: Arc::downgrade(&control),
            offsets: queue.offsets(),
        });
        let key = (topic, partition);
        self.assignment.insert(key.clone(), handle);
        let (at_work, predecessors) = self.shared.at_work.begin(&key);
        let (sender, start) = oneshot::channel();
        let waiting = Waiting { partition: key, control: Arc::clone(&control), start: sender };
        let worker = Worker::new(origin, Arc::clone(&self.shared), Arc::clone(&control), at_work.clone());
        let lane = Lane {
            queue,
            worker: Arc::new(worker),
            finished: OverGuard::new(control, Arc::clone(&self.shared), at_work),
            start,
            work_bytes: self.shares.work_bytes,
            commit_requests: Arc::clone(&self.commit_requests),
            predecessors,
        };
        self.tasks.spawn(&self.runtime, Arc::clone(&self.pipeline).run(lane));
        waiting
    }
}
