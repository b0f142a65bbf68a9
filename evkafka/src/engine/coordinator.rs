//! What librdkafka calls back, on the thread of the [member](super::member): rebalances, errors, logs.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::{KafkaError, RDKafkaErrorCode},
    topic_partition_list::TopicPartitionList,
};
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    assignment::{Assignment, LaneHandle, Sent, TopicPartition, drain},
    client_log::ClientLog,
    commit_requests::CommitRequests,
    denial::Denial,
    drain::DrainPlan,
    lane::{Finished, Lane, LaneControl, Worker},
    pipeline::Pipeline,
    shared::Shared,
    start::{Starts, Waiting},
    tasks::Tasks,
};
use crate::{
    config::{OffsetReset, Shares},
    error::{Error, Inner},
    native::{ClientHandle, CommitQueue, CommitReply, PartitionQueue},
    record::Origin,
    settle::Progress,
};

/// The context of a member's consumer: makes lanes of what is assigned, and brings them to an end when it is revoked.
pub(super) struct Coordinator {
    pub(super) shared: Arc<Shared>,
    pub(super) log: ClientLog,
    pub(super) pipeline: Arc<dyn Pipeline>,
    pub(super) assignment: Arc<Assignment>,
    pub(super) commit_requests: Arc<CommitRequests>,
    pub(super) runtime: Handle,
    /// The lanes.
    pub(super) tasks: Arc<Tasks>,
    pub(super) revoke_grace: Duration,
    /// How the memory for fetched records is shared out.
    pub(super) shares: Shares,
    /// Where the group begins without a committed offset.
    pub(super) reset: OffsetReset,
    /// Weak: a share of the client in its own context would keep it from ever being closed.
    pub(super) client: OnceLock<Weak<ClientHandle>>,
    /// While the app shuts down, its plan holds for revoked partitions too.
    pub(super) shutdown: Mutex<Option<DrainPlan>>,
}

impl Coordinator {
    pub(super) fn shutdown_plan(&self) -> Option<DrainPlan> {
        *self.shutdown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self) -> Option<Arc<ClientHandle>> {
        self.client.get()?.upgrade()
    }

    fn assign(&self, partitions: Vec<TopicPartition>) {
        let Some(client) = self.client() else { return };
        tracing::info!(consumer = %self.shared.consumer, partitions = %Names(&partitions), "partitions assigned");
        let (mut waiting, assigned_before) = (Vec::new(), self.assignment.owned());
        for (topic, partition) in partitions {
            let Some(queue) = PartitionQueue::detach(&client, Arc::clone(&topic), partition) else {
                self.shared.report(Inner::Engine {
                    consumer: Arc::clone(&self.shared.consumer),
                    message: format!("no queue for the assigned partition {topic}[{partition}]"),
                });
                return;
            };
            waiting.push(self.start_lane(topic, partition, queue));
        }
        self.check_shares(assigned_before);
        if !waiting.is_empty() {
            self.find_starts(client, waiting);
        }
    }

    /// Topics that a pattern matches, and partitions, may be added at any time; librdkafka's limits stay what they were at the start.
    fn check_shares(&self, assigned_before: usize) {
        let assigned = self.assignment.owned();
        if assigned > assigned_before
            && let Some(excess) = self.shares.exceeded_by(assigned)
        {
            tracing::warn!(
                consumer = %self.shared.consumer,
                assigned,
                shared_out_for = self.shares.partitions(),
                exceeded_by_mib = excess.div_ceil(1 << 20),
                "more partitions are assigned than there were when the consumer started: fetched records may exceed \
                 `prefetch_memory_mib` until it is restarted"
            );
        }
    }

    /// Looks up where lanes begin, on a thread of its own: brokers may take their time.
    fn find_starts(&self, client: Arc<ClientHandle>, lanes: Vec<Waiting>) {
        let starts = Starts {
            consumer: Arc::clone(&self.shared.consumer),
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
        let control = Arc::new(LaneControl::default());
        if self.shutdown_plan().is_some() {
            // Assigned while we are leaving: the lane ends before its first record.
            control.stop();
        }
        let progress = Arc::new(Progress::new());
        let handle =
            LaneHandle { control: Arc::clone(&control), progress: Arc::clone(&progress), owned: true };
        let before = self.assignment.insert((Arc::clone(&topic), partition), handle);
        let (sender, start) = oneshot::channel();
        let partition_of_lane = (Arc::clone(&topic), partition);
        let waiting = Waiting { partition: partition_of_lane, control: Arc::clone(&control), start: sender };
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
            start: Some(start),
            work_bytes: self.shares.work_bytes,
            commit_requests: Arc::clone(&self.commit_requests),
            predecessor: before.map(|lane| lane.control).filter(|control| !control.is_finished()),
        };
        self.tasks.spawn(&self.runtime, Arc::clone(&self.pipeline).run(lane));
        waiting
    }

    fn revoke(&self, partitions: &[TopicPartition], lost: bool) {
        tracing::info!(consumer = %self.shared.consumer, partitions = %Names(partitions), lost, "partitions revoked");
        let lanes = self.assignment.select(partitions);
        let now = Instant::now();
        let plan = match self.shutdown_plan() {
            _ if lost => DrainPlan::for_loss(now),
            Some(plan) => plan,
            None => DrainPlan::for_revoke(now, self.revoke_grace),
        };
        if !drain(&lanes, plan) {
            tracing::error!(
                consumer = %self.shared.consumer,
                "a handler that blocks its thread cannot be ended; it may still write although its partition has \
                 another owner"
            );
        }
        let Some(client) = self.client().filter(|_| !lost) else {
            self.assignment.disown(partitions);
            return;
        };
        let deadline = plan.end_at.max(Instant::now() + Duration::from_secs(1));
        let last_commit =
            |queue: &CommitQueue| self.assignment.disown_with(partitions, |entries| queue.send(entries));
        if let Err(Refusal { code: error, .. }) = commit_blocking(&client, last_commit, deadline) {
            // Nobody but this thread can have the member join again, so a new generation is one without it.
            if Assignment::is_eviction(error) || error == RDKafkaErrorCode::IllegalGeneration {
                self.assignment.evict();
            }
            tracing::warn!(
                consumer = %self.shared.consumer,
                %error,
                "the offsets of revoked partitions could not be committed; some of their records will be handled again"
            );
        }
    }
}

/// Why a commit was not taken.
pub(super) struct Refusal {
    pub(super) code: RDKafkaErrorCode,
    /// Topics of which it is not known whether they are the ones.
    pub(super) to_be_sent_alone: Vec<Arc<str>>,
}

/// Lets `commit` send a commit, if there is anything to commit, and waits for the answer.
pub(super) fn commit_blocking(
    client: &Arc<ClientHandle>,
    commit: impl FnOnce(&CommitQueue) -> Option<Sent>,
    deadline: Instant,
) -> Result<(), Refusal> {
    let queue = CommitQueue::new(client);
    let Some(sent) = commit(&queue) else { return Ok(()) };
    let reply = match sent.result {
        Ok(()) => queue
            .poll(deadline.saturating_duration_since(Instant::now()))
            .unwrap_or_else(CommitReply::timed_out),
        Err(code) => CommitReply::refused(code),
    };
    sent.answered(&reply);
    let to_be_sent_alone = sent.topics_to_be_sent_alone(&reply);
    reply.into_result().map_err(|code| Refusal { code, to_be_sent_alone })
}

impl ConsumerContext for Coordinator {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => self.assign(partitions(list)),
            Rebalance::Revoke(list) => {
                self.revoke(&partitions(list), consumer.assignment_lost() || self.assignment.is_evicted());
            }
            Rebalance::Error(error) => {
                tracing::error!(consumer = %self.shared.consumer, %error, "the group could not be rebalanced");
            }
        }
    }
}

impl ClientContext for Coordinator {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    /// Statistics are for a later feature; rdkafka would parse them on the thread that answers rebalances.
    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let consumer = &*self.shared.consumer;
        let denial = Denial::find(&error, reason);
        let reason = &*self.log.shown(reason);
        match denial {
            // What was valid at the start is so no longer. Nothing is consumed until it is again.
            Some(denial) => {
                tracing::error!(consumer, reason, "the Kafka cluster denies access; {}", denial.advice());
            }
            None => tracing::warn!(consumer, %error, reason, "the Kafka client reports an error"),
        }
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let mut topics: Vec<Arc<str>> = Vec::new();
    list.elements()
        .iter()
        .map(|element| {
            let topic =
                topics.iter().find(|topic| &***topic == element.topic()).cloned().unwrap_or_else(|| {
                    let topic: Arc<str> = element.topic().into();
                    topics.push(Arc::clone(&topic));
                    topic
                });
            (topic, element.partition())
        })
        .collect()
}

/// Partitions for a log line: `orders[0] orders[1]`.
struct Names<'p>(&'p [TopicPartition]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (topic, partition)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{topic}[{partition}]")?;
        }
        Ok(())
    }
}
