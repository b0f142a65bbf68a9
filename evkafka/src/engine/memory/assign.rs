//! What a member in memory is assigned, and where its lanes begin.

use std::sync::{Arc, PoisonError, atomic::Ordering::SeqCst};

use tokio::sync::oneshot;

use super::MemoryMember;
use crate::{
    config::OffsetReset,
    engine::{
        assignment::{LaneHandle, TopicPartition},
        attempt::Worker,
        commands::Follower,
        lane::{Lane, LaneControl, OverGuard},
        observe::MemberEvent,
        start::Start,
    },
    memory::Log,
    record::Origin,
    source::Queue,
};

/// What a partition may have collected or handled concurrently: as much as one of a few has on Kafka.
const WORK_BYTES: u64 = 16 << 20;

impl MemoryMember {
    /// Reads all partitions of its topics that are not assigned yet.
    pub(crate) fn assign(&self) {
        let _assigning = self.assigning.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_leaving.load(SeqCst) {
            return;
        }
        let topics = self.cluster.topics().into_iter().filter(|topic| self.reads(topic));
        let partitions = topics.flat_map(|topic| {
            let (topic, count): (Arc<str>, _) = (topic.as_str().into(), self.cluster.partitions(&topic));
            (0..count.unwrap_or(0)).map(move |partition| (Arc::clone(&topic), partition))
        });
        let mut assigned = Vec::new();
        for (topic, number) in partitions {
            let Ok(partition) = i32::try_from(number) else { continue };
            let key = (Arc::clone(&topic), partition);
            let is_ours =
                self.assignment.select(std::slice::from_ref(&key)).iter().any(|(_, lane)| lane.owned);
            if !is_ours && let Some(log) = self.cluster.log(&topic, number) {
                assigned.push((key, log));
            }
        }
        if assigned.is_empty() {
            return;
        }
        let partitions: Vec<_> = assigned.iter().map(|(key, _)| key.clone()).collect();
        self.member.tell(&MemberEvent::Assigned { partitions: &partitions, member_id: None });
        for (key, log) in assigned {
            self.start_lane(key, &log);
        }
    }

    fn start_lane(&self, key: TopicPartition, log: &Log) {
        let (topic, partition) = key.clone();
        let origin = Origin::new(Arc::clone(&self.shared.consumer), topic, partition);
        let control = LaneControl::watched(origin.clone(), Arc::clone(&self.shared.observers));
        let control = Arc::new(control);
        let handle = LaneHandle { control: Arc::clone(&control), owned: true };
        self.assignment.insert(key.clone(), handle);
        let (at_work, predecessors) = self.shared.at_work.begin(&key);
        let start = self.find_start(&key, &control);
        let queue = Queue::Memory(log.read_from(start.next.unwrap_or(0)));
        self.shared.commands.admit(Follower {
            instance: 0,
            partition: key,
            control: Arc::downgrade(&control),
            offsets: queue.offsets(),
        });
        let (sender, receiver) = oneshot::channel();
        // The lane holds the other end.
        let _ = sender.send(start);
        let worker = Worker::new(origin, Arc::clone(&self.shared), Arc::clone(&control), at_work.clone());
        let lane = Lane {
            queue,
            worker: Arc::new(worker),
            start: receiver,
            work_bytes: WORK_BYTES,
            commit_requests: Arc::clone(&self.requests),
            predecessors,
            finished: OverGuard::new(control, Arc::clone(&self.shared), at_work),
        };
        let mut tasks = self.tasks();
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(Arc::clone(&self.pipeline).run(lane)));
    }

    fn find_start(&self, (topic, partition): &TopicPartition, control: &LaneControl) -> Start {
        let next = match (self.group.committed(topic, *partition), self.config.auto_offset_reset) {
            (Some(commit), _) => {
                let start =
                    Start { committed: Some(commit.offset), next: Some(commit.offset), ..Start::default() };
                return match self.shared.persist_progress {
                    true => start.resume(control, commit.offset, &commit.metadata),
                    false => start,
                };
            }
            (None, OffsetReset::Latest) => Some(self.cluster.end(topic, *partition)),
            (None, OffsetReset::Earliest | OffsetReset::Error) => None,
        };
        Start { next, ..Start::default() }
    }
}
