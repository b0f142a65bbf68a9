//! One assigned partition, worked on in order.

mod control;
mod post_commit;
mod pre_commit;
mod record;

pub(super) use self::control::{Finished, LaneControl};

use std::sync::Arc;

use tokio::sync::Notify;

use super::{
    pipeline::Routed,
    shared::{LocalCounts, Shared},
};
use crate::{
    config::AutoCommitMode,
    error::Inner,
    native::{Batch, PartitionQueue},
    record::Origin,
    route::Routes,
    settle::Progress,
};
use rdkafka::error::RDKafkaErrorCode;

/// How many records are taken from librdkafka at a time. They stay in librdkafka's memory: a batch costs 8 bytes for
/// each, and spares a lock and a clock reading for each.
const BATCH: usize = 256;

/// One assigned partition.
pub(crate) struct Lane {
    pub(super) origin: Origin,
    pub(super) queue: PartitionQueue,
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<LaneControl>,
    pub(super) progress: Arc<Progress>,
    /// Wakes the committer, for a commit that a lane waits for.
    pub(super) commit_wanted: Arc<Notify>,
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
    /// Dropping it drops the handler that is under way; its record is not settled.
    pub(super) async fn run<R: Routes>(mut self, handlers: &Routed<R>) {
        if let Some(predecessor) = self.predecessor.take() {
            // Two lanes of one partition at the same time would break its order.
            tokio::select! {
                () = predecessor.finished() => {}
                () = self.control.stopped() => {}
            }
        }
        let records = Arc::clone(&self.control.records);
        self.queue.listen(records);
        match self.shared.mode {
            AutoCommitMode::PostCommit => self.post_commit(handlers).await,
            AutoCommitMode::PreCommit => self.pre_commit(handlers).await,
        }
        self.finished.in_order();
    }

    fn batch(&self) -> Batch {
        self.queue.batch()
    }

    /// Waits until there may be records, or the lane is stopped. May return without a cause: look again.
    async fn idle(&self) {
        tokio::select! {
            biased;
            () = self.control.stopped() => {}
            () = self.control.records.notified() => {}
        }
    }

    /// Adds up what a batch came to, and lets other tasks of the runtime have their turn.
    async fn end_of_batch(&self, counts: &mut LocalCounts) {
        self.shared.counts.add(counts);
        tokio::task::yield_now().await;
    }

    /// librdkafka reports an error of the partition. What it recovers from by itself is logged; everything else ends the
    /// app, because going on could mean to pass over records.
    fn partition_error(&self, code: RDKafkaErrorCode) -> Flow {
        use RDKafkaErrorCode as E;
        match code {
            E::PartitionEOF => Flow::Continue,
            E::UnknownTopicOrPartition
            | E::UnknownTopic
            | E::UnknownPartition
            | E::LeaderNotAvailable
            | E::NotLeaderForPartition
            | E::ReplicaNotAvailable
            | E::BrokerTransportFailure
            | E::AllBrokersDown
            | E::OperationTimedOut
            | E::RequestTimedOut => {
                tracing::warn!(
                    consumer = %self.origin.consumer,
                    partition = %self.origin,
                    error = %code,
                    "the partition cannot be read at the moment"
                );
                Flow::Continue
            }
            code => {
                self.shared.report(Inner::Partition { origin: self.origin.clone(), code });
                Flow::End
            }
        }
    }
}
