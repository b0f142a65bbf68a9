//! One assigned partition.

mod acknowledgement;
mod backing_off;
mod concurrent;
mod control;
mod group;
mod in_batches;
mod key_order;
mod post_commit;
mod pre_commit;
mod worker;

#[cfg(all(test, evkafka_loom))]
pub(super) use self::acknowledgement::{Acknowledgement, acknowledgement};
pub(super) use self::{
    control::{Finished, LaneControl},
    worker::{Done, Worker},
};

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    commit::CommitRequests,
    pipeline::Routed,
    shared::LocalCounts,
    start::{Start, log_deleted},
};
use crate::{
    config::{AutoCommitMode, Concurrency},
    native::{Batch, PartitionQueue, StartsOver},
    record::Origin,
    route::Routes,
    settle::Progress,
};

/// How many records are taken from librdkafka at a time. They stay in librdkafka's memory: a batch costs 8 bytes for
/// each, and spares a lock and a clock reading for each.
const BATCH: usize = 256;

/// How often it is said that a partition waits.
const STILL_WAITS: Duration = Duration::from_secs(30);

/// One assigned partition.
pub(crate) struct Lane {
    pub(super) queue: PartitionQueue,
    pub(super) worker: Arc<Worker>,
    pub(super) progress: Arc<Progress>,
    /// Whether it has met a record.
    pub(super) has_begun: bool,
    /// Where it begins.
    pub(super) start: Option<oneshot::Receiver<Start>>,
    /// How many bytes of records may be collected for a batch handler, or be handled concurrently.
    pub(super) work_bytes: u64,
    /// For commits that the lane waits for.
    pub(super) commit_requests: Arc<CommitRequests>,
    /// The lane of an earlier assignment of the same partition, if it has not come to its end.
    pub(super) predecessor: Option<Arc<LaneControl>>,
    /// Says that the lane is over. Dropped last: nothing of the partition is in use any more.
    pub(super) finished: Finished,
}

/// Whether a lane goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    End,
}

impl Lane {
    /// Works until the lane is stopped.
    ///
    /// # Cancel safety
    /// Dropping it drops the handlers that are under way; their records are not settled.
    pub(super) async fn run<R: Routes>(mut self, handlers: Arc<Routed<R>>) {
        if let Some(predecessor) = self.predecessor.take() {
            self.wait_for(&predecessor).await;
        }
        let Some(start) = self.learn_start().await else {
            self.finished.in_order();
            return;
        };
        self.queue.listen(Arc::clone(&self.worker.control.records));
        let shared = Arc::clone(&self.worker.shared);
        let _takes_back = (shared.mode == AutoCommitMode::PreCommit)
            .then(|| acknowledgement::TakesBack(Arc::clone(&self.progress)));
        let in_flight =
            shared.concurrency.in_flight().map_or(1, |n| usize::try_from(n).unwrap_or(usize::MAX));
        if !shared.persist_progress {
            self.begin(&start);
        }
        match (shared.concurrency, shared.mode) {
            (Concurrency::PerPartition, AutoCommitMode::PostCommit) if handlers.largest_batch().is_some() => {
                self.post_commit_in_batches(&handlers).await;
            }
            (Concurrency::PerPartition, AutoCommitMode::PostCommit) => self.post_commit(&handlers).await,
            (Concurrency::PerPartition, AutoCommitMode::PreCommit) => self.pre_commit(&handlers).await,
            (Concurrency::PerKey { .. }, _) => self.concurrent(handlers, start, in_flight, true).await,
            (Concurrency::Unordered { .. }, _) => self.concurrent(handlers, start, in_flight, false).await,
        }
        self.finished.in_order();
    }

    /// Two lanes of one partition at the same time would break its order. A lane that is stopped meanwhile waits all the same: the
    /// next one knows of this one only.
    async fn wait_for(&self, predecessor: &LaneControl) {
        while tokio::time::timeout(STILL_WAITS, predecessor.finished()).await.is_err() {
            tracing::warn!(
                consumer = %self.worker.origin.consumer,
                partition = %self.worker.origin,
                "a handler that was under way when the partition was lost has not come to its end; until then the partition is \
                 not read"
            );
        }
    }

    /// Waits to hear where the lane begins; `None` if it is stopped before.
    async fn learn_start(&mut self) -> Option<Start> {
        let start = self.start.take()?;
        tokio::select! {
            biased;
            () = self.worker.control.stopped() => None,
            start = start => {
                if start.is_err() && !self.worker.control.is_stopping() {
                    self.worker.lost_start();
                }
                start.ok()
            }
        }
    }

    /// Begins where it was found to.
    fn begin(&mut self, start: &Start) {
        if let Some(committed) = start.committed {
            self.progress.resume(committed);
        }
        if let Some(next) = start.next {
            self.queue.begin_at(next);
            if start.committed != Some(next) {
                self.progress.begin(next);
                self.commit_requests.now();
            }
        }
    }

    /// Replaces the contents of `batch` by at most `most` of what is there, without waiting.
    ///
    /// Where its records begin is committed in its time, whatever comes of the first: what was committed before may be deleted, or too
    /// high, if offsets have gone back since.
    fn take(&mut self, batch: &mut Batch, most: usize) -> Option<StartsOver> {
        let starts_over = self.queue.take(batch, most);
        if let Some(deleted) = self.queue.take_deleted() {
            let Origin { consumer, topic, partition } = &self.worker.origin;
            log_deleted(consumer, topic, *partition, deleted);
        }
        if !self.has_begun
            && let Some(first) = batch.first_offset()
        {
            self.has_begun = true;
            self.progress.begin(first);
        }
        starts_over
    }

    /// What the broker has of the partition would have the next owner pass over records, and is replaced at once. As long as what
    /// was taken before is unsettled, from `first_unsettled` on, the progress is held there; post-commit, that is: what was
    /// committed before is not to be handled again.
    fn go_back(&self, StartsOver { from }: StartsOver, first_unsettled: Option<i64>) {
        tracing::warn!(
            consumer = %self.worker.origin.consumer,
            partition = %self.worker.origin,
            from,
            "the partition's offsets have gone back: its topic was made anew, or its log cut off; what is there now is handled"
        );
        match first_unsettled.filter(|_| self.is_post_commit()) {
            None => self.progress.start_over(from),
            Some(first) => self.progress.hold(first.min(from)),
        }
        self.commit_requests.now();
    }

    fn is_post_commit(&self) -> bool {
        self.worker.shared.mode == AutoCommitMode::PostCommit
    }

    /// Waits until there may be records, or the lane is stopped. May return without a cause: look again.
    async fn idle(&self) {
        tokio::select! {
            biased;
            () = self.worker.control.stopped() => {}
            () = self.worker.control.records.notified() => {}
        }
    }

    /// Adds up what a batch came to, and lets other tasks of the runtime have their turn.
    async fn end_of_batch(&self, counts: &mut LocalCounts) {
        self.worker.shared.counts.add(counts);
        tokio::task::yield_now().await;
    }
}
