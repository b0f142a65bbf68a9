use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{
    clock::{Clock, Moment},
    histogram::{DURATIONS, SharedHistogram},
    lane::LaneNumbers,
    partition,
    topic::TopicNumbers,
};
use crate::{
    client::{Reported, Statistics},
    config::AutoCommitMode,
    engine::{
        commands::Commands,
        observe::{MemberEvent, Observers},
        shared::Shared,
    },
    metrics::{self, CommitMetrics, ConsumerMetrics, RebalanceMetrics},
    route::RouteTable,
};

/// What a consumer has counted, with all its members and lanes, since the start.
#[derive(Debug, Default)]
pub(in crate::engine) struct ConsumerNumbers {
    clock: Clock,
    /// Those that it was ever assigned a partition of.
    topics: Mutex<BTreeMap<Arc<str>, Arc<TopicNumbers>>>,
    commits_accepted: AtomicU64,
    commits_failed: AtomicU64,
    commits: SharedHistogram<15>,
    assigned: AtomicU64,
    revoked: AtomicU64,
    lost: AtomicU64,
    statistics: Arc<Statistics>,
}

impl ConsumerNumbers {
    #[cfg(any(test, feature = "testing"))]
    pub(in crate::engine) fn by(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    pub(in crate::engine) fn clock(&self) -> Clock {
        self.clock
    }

    /// What its clients report.
    pub(in crate::engine) fn statistics(&self) -> &Arc<Statistics> {
        &self.statistics
    }

    /// What is counted of a topic, by the events in `table`.
    pub(in crate::engine) fn topic(&self, topic: &Arc<str>, table: &RouteTable) -> Arc<TopicNumbers> {
        let mut topics = self.topics();
        let of = topics.entry(Arc::clone(topic)).or_insert_with(|| Arc::new(TopicNumbers::new(table)));
        Arc::clone(of)
    }

    /// For a lane of this topic.
    pub(in crate::engine) fn lane(&self, topic: &Arc<str>, table: &RouteTable) -> LaneNumbers {
        LaneNumbers::new(self.clock, self.topic(topic, table))
    }

    /// A commit that was sent then is answered, or will not be.
    pub(in crate::engine) fn committed(&self, sent: Moment, is_accepted: bool) {
        let count = if is_accepted { &self.commits_accepted } else { &self.commits_failed };
        count.fetch_add(1, Relaxed);
        self.commits.add(self.clock.now().since(sent), &DURATIONS);
    }

    /// Something has happened to a member.
    pub(in crate::engine) fn hear(&self, event: &MemberEvent<'_>) {
        let count = match event {
            MemberEvent::Assigned { .. } => &self.assigned,
            MemberEvent::Revoked { lost: true, .. } => &self.lost,
            MemberEvent::Revoked { lost: false, .. } => &self.revoked,
            _ => return,
        };
        count.fetch_add(1, Relaxed);
    }

    fn topics(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<TopicNumbers>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the numbers of a consumer are read from, for as long as somebody may ask: nothing of the app's, and no client.
pub(crate) struct Counted {
    consumer: Arc<str>,
    group: Arc<str>,
    mode: AutoCommitMode,
    observers: Arc<Observers>,
    commands: Arc<Commands>,
}

impl Shared {
    /// What is counted for all its members.
    pub(crate) fn counted(&self) -> Arc<Counted> {
        Arc::new(Counted {
            consumer: Arc::clone(&self.consumer),
            group: self.group.as_str().into(),
            mode: self.mode,
            observers: Arc::clone(&self.observers),
            commands: Arc::clone(&self.commands),
        })
    }
}

impl metrics::Consumer for Counted {
    fn metrics(&self) -> ConsumerMetrics {
        let numbers = self.observers.numbers();
        let topics = numbers.topics().clone();
        let of = |count: &AtomicU64| count.load(Relaxed);
        let Reported { brokers, membership, .. } = numbers.statistics.read(Instant::now());
        ConsumerMetrics {
            name: Arc::clone(&self.consumer),
            group: Arc::clone(&self.group),
            topics: topics.iter().map(|(name, topic)| topic.read(name)).collect(),
            partitions: self
                .commands
                .assigned()
                .into_iter()
                .map(|(follower, lane)| partition::read(follower, &lane, self.mode))
                .collect(),
            commits: CommitMetrics {
                accepted: of(&numbers.commits_accepted),
                failed: of(&numbers.commits_failed),
                duration: numbers.commits.read(&DURATIONS),
            },
            rebalances: RebalanceMetrics {
                assigned: of(&numbers.assigned),
                revoked: of(&numbers.revoked),
                lost: of(&numbers.lost),
            },
            brokers,
            membership,
        }
    }
}
