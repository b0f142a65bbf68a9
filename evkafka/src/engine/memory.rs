//! A member of a consumer group on a cluster in memory: the lanes, the assignment and the committer of one on Kafka, without
//! librdkafka and the thread that polls it. It is assigned all partitions of its topics, and is the only one of its group.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    assignment::{Assignment, LaneHandle, TopicPartition},
    attempt::Worker,
    commands::Follower,
    commit::{Answer, CommitRequests, CommitTarget, Committer, Exchange},
    lane::{Lane, LaneControl, OverGuard, Phase},
    member::DrainPlan,
    observe::{MemberEvent, WatchedMember},
    pipeline::Pipeline,
    shared::Shared,
    start::Start,
};
use crate::{
    config::{ConsumerConfig, OffsetReset, TopicPattern},
    error::{Inner, Result},
    memory::{Cluster, Group, Log},
    record::Origin,
    source::Queue,
};

/// What a partition may have collected or handled concurrently: as much as one of a few has on Kafka.
const WORK_BYTES: u64 = 16 << 20;

/// A member of a group in memory. Dropping it drops its handlers; nothing more is committed then.
pub(crate) struct MemoryMember {
    shared: Arc<Shared>,
    member: Arc<WatchedMember>,
    pipeline: Arc<dyn Pipeline>,
    config: ConsumerConfig,
    cluster: Cluster,
    group: Group,
    assignment: Arc<Assignment>,
    requests: Arc<CommitRequests>,
    stop_committing: CancellationToken,
    /// Whether what is there is not to be assigned.
    is_leaving: AtomicBool,
    /// Held by whoever assigns: several may find a new topic.
    assigning: Mutex<()>,
    /// The lanes, and the committer.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl MemoryMember {
    /// Joins its group, and reads all partitions of its topics that there are.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn join(
        shared: Arc<Shared>,
        pipeline: Arc<dyn Pipeline>,
        config: ConsumerConfig,
        cluster: Cluster,
    ) -> Self {
        let (assignment, requests) = (Arc::new(Assignment::default()), Arc::new(CommitRequests::default()));
        let (group, stop) = (Group::new(cluster.clone(), &config.group_id), CancellationToken::new());
        let member = Arc::new(shared.member(1));
        let committer = Committer::new(
            Arc::clone(&shared),
            Arc::clone(&member),
            Arc::clone(&assignment),
            config.commit_interval,
            Arc::clone(&requests),
            stop.clone(),
        );
        let committer = tokio::spawn(committer.run(CommitTarget::Memory(group.clone())));
        member.tell(&MemberEvent::Joins);
        let member = Self {
            shared,
            member,
            pipeline,
            config,
            cluster,
            group,
            assignment,
            requests,
            stop_committing: stop,
            is_leaving: AtomicBool::new(false),
            assigning: Mutex::new(()),
            tasks: Mutex::new(vec![committer]),
        };
        member.assign();
        member
    }

    /// What counts for it.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Whether it reads a topic of this name.
    pub(crate) fn reads(&self, topic: &str) -> bool {
        self.config.topics.iter().any(|name| match TopicPattern::of(name) {
            Some(pattern) => pattern.matches(topic) == Some(true),
            None => name == topic,
        })
    }

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

    /// Whether all that is written to its partitions is settled and committed.
    pub(crate) fn has_caught_up(&self) -> bool {
        !self.assignment.has_uncommitted(|_| true)
            && self.assignment.all().into_iter().all(|((topic, partition), _)| {
                let end = self.cluster.end(&topic, partition);
                let committed = self.group.committed(&topic, partition);
                end == 0 || committed.is_some_and(|commit| commit.offset >= end)
            })
    }

    /// Has what is settled committed before its time.
    pub(crate) fn commit_soon(&self) {
        if self.assignment.has_uncommitted(|_| true) {
            self.requests.now();
        }
    }

    /// The group takes all partitions from it, as in a rebalance, and gives them back.
    pub(crate) async fn rebalance(&self) {
        let now = Instant::now();
        let lanes = self.assignment.all().into_iter().map(|(_, lane)| lane.control).collect();
        self.give_up(lanes, DrainPlan::for_revoke(now, self.config.revoke_grace), now).await;
        self.assign();
    }

    /// Drains, commits, and leaves its group, within `timeout`. Called once more, it has left.
    ///
    /// # Errors
    /// If a handler does not finish in this time.
    pub(crate) async fn leave(&self, timeout: Duration) -> Result<()> {
        if !self.is_leaving.swap(true, SeqCst) {
            self.member.tell(&MemberEvent::Leaves);
        }
        let now = Instant::now();
        let lanes = self.assignment.controls();
        let are_over = self.give_up(lanes, DrainPlan::for_shutdown(now, timeout), now).await;
        self.stop_committing.cancel();
        self.member.tell(&MemberEvent::Left);
        if are_over {
            return Ok(());
        }
        Err(Inner::Shutdown { consumer: Arc::clone(&self.shared.consumer), waited: timeout }.into())
    }

    /// Drains lanes by a plan that was made `now`, and commits what those of all partitions have settled; whether they have finished.
    async fn give_up(&self, lanes: Vec<Arc<LaneControl>>, plan: DrainPlan, now: Instant) -> bool {
        let partitions: Vec<_> = self.assignment.all().into_iter().map(|(key, _)| key).collect();
        self.member.tell(&MemberEvent::Revoked { partitions: &partitions, lost: false });
        // By tokio's clock, which may be paused.
        let begun = tokio::time::Instant::now();
        let at = |instant: Instant| begun + instant.saturating_duration_since(now);
        let over = async {
            for lane in &lanes {
                lane.finished().await;
            }
        };
        let hasten = async {
            for (phase, from) in
                [(Phase::Stopping, now), (Phase::Cancelled, plan.cancel_at), (Phase::Aborted, plan.drop_at)]
            {
                if from > now {
                    sleep_until(at(from)).await;
                }
                lanes.iter().for_each(|lane| lane.enter(phase));
            }
            std::future::pending::<()>().await;
        };
        let drained = async {
            tokio::select! {
                biased;
                () = hasten => {}
                () = over => {}
            }
        };
        let are_over = timeout_at(at(plan.commit_at), drained).await.is_ok();
        if !are_over {
            self.member.tell(&MemberEvent::Blocked { partitions: &partitions });
        }
        let mut exchange =
            Exchange::new(Arc::clone(&self.assignment), CommitTarget::Memory(self.group.clone()));
        exchange.give_up(&partitions, plan.end_at);
        if let Some(Answer { reply, .. }) = exchange.answer().await
            && let Err(error) = reply.first_error()
        {
            self.member.tell(&MemberEvent::RevokedUncommitted { error });
        }
        are_over
    }

    /// Ends as a process does that is killed: what runs is dropped where it stands, and nothing more is committed.
    pub(crate) async fn crash(&self) {
        self.is_leaving.store(true, SeqCst);
        let tasks = std::mem::take(&mut *self.tasks());
        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            // It is cancelled, or was over.
            let _ = task.await;
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MemoryMember {
    fn drop(&mut self) {
        self.tasks().iter().for_each(JoinHandle::abort);
    }
}
