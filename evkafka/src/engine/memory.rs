//! A member of a consumer group on a cluster in memory: the lanes, the assignment and the committer of one on Kafka, without
//! librdkafka and the thread that polls it. It is assigned all partitions of its topics, and is the only one of its group.

mod assign;
mod leave;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    assignment::Assignment,
    commit::{CommitRequests, CommitTarget, Committer},
    observe::{MemberEvent, WatchedMember},
    pipeline::Pipeline,
    shared::Shared,
};
use crate::{
    config::{ConsumerConfig, TopicPattern},
    memory::{Cluster, Group},
};

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

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MemoryMember {
    fn drop(&mut self) {
        self.tasks().iter().for_each(JoinHandle::abort);
    }
}
