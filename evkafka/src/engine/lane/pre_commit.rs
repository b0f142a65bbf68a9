//! At most once: a batch is handled only after the broker has acknowledged the offset behind it.
//!
//! Two batches are under way: while one is handled, the offset of the next is being acknowledged. What has been committed
//! is handled to its end even when the lane is stopped, because nobody will read it again; only an abort cuts it short.

use std::time::{Duration, Instant};

use super::{
    BATCH, Done, Flow, Lane,
    acknowledgement::{Acknowledgement, acknowledgement},
    in_batches::Collected,
};
use crate::{
    engine::{pipeline::Routed, shared::LocalCounts},
    native::{Batch, Entry},
    route::Routes,
    settle::Pace,
};

/// How much work is committed ahead of its being done. More means fewer commits, and more records that are lost when the process
/// dies between commit and handling. A commit takes some milliseconds; a batch has to take a good deal longer to hide it.
const TARGET: Duration = Duration::from_millis(40);
/// What is found out about the handlers costs a few commits; what is guessed wrong is lost when the app is stopped.
const LEAST: usize = 1;
/// Hides a commit at a million records per second and partition; more is not to be had from one thread.
const MOST: usize = 16_384;

impl Lane {
    pub(super) async fn pre_commit<R: Routes>(&mut self, handlers: &Routed<R>) {
        let mut acknowledged = self.queue.batch();
        let mut requested = self.queue.batch();
        let mut pace = Pace::new(TARGET, LEAST, MOST);
        loop {
            // While the batches grow, the next waits for what this one shows: a larger one spares more than its commit costs.
            let may_request = acknowledged.is_empty() || !pace.is_growing();
            if may_request && !self.worker.control.is_stopping() && requested.is_empty() {
                if let Some(starts_over) = self.take(&mut requested, pace.records()) {
                    self.go_back(starts_over, None);
                }
                self.request(requested.last_offset());
            }
            if acknowledged.is_empty() {
                if requested.is_empty() {
                    if self.worker.control.is_stopping() {
                        return;
                    }
                    if let Some(reached) = self.queue.reached() {
                        self.progress.advance(reached);
                    }
                    self.idle().await;
                    continue;
                }
                if self.wait_for_acknowledgement(requested.last_offset()).await == Flow::End {
                    return;
                }
                std::mem::swap(&mut acknowledged, &mut requested);
                // Ask for the next batch's offset before this one is handled.
                continue;
            }
            let (records, begun) = (acknowledged.len(), Instant::now());
            let flow = if handlers.largest_batch().is_some() {
                self.handle_in_batches(handlers, &mut acknowledged).await
            } else {
                self.handle_in_turn(handlers, &mut acknowledged).await
            };
            if flow == Flow::End {
                return;
            }
            pace.handled(records, begun.elapsed());
        }
    }

    /// Has the offset behind the `last` record committed.
    pub(super) fn request(&self, last: Option<i64>) {
        if let Some(last) = last {
            self.progress.advance(last + 1);
            self.commit_requests.soon();
        }
    }

    pub(super) async fn wait_for_acknowledgement(&self, last: Option<i64>) -> Flow {
        let Some(last) = last else { return Flow::Continue };
        if !self.progress.is_acknowledged(last + 1) {
            self.commit_requests.now();
        }
        match acknowledgement(&self.worker.control, &self.progress, last + 1).await {
            Acknowledgement::Given => Flow::Continue,
            Acknowledgement::TakenBack => Flow::End,
            Acknowledgement::Unknown => {
                tracing::warn!(
                    consumer = %self.worker.origin.consumer,
                    partition = %self.worker.origin,
                    up_to = last,
                    "it is not known whether records were committed that were not handled; if so, they are lost"
                );
                Flow::End
            }
        }
    }

    /// What was committed together is not made to wait for more.
    async fn handle_in_batches<R: Routes>(&self, handlers: &Routed<R>, batch: &mut Batch) -> Flow {
        let mut collected = Collected::default();
        let mut flow = self.collect(handlers, batch, &mut collected).await;
        if flow == Flow::Continue {
            flow = self.settle_group(handlers, &mut collected).await;
        }
        self.end_of_batch(&mut collected.counts).await;
        flow
    }

    async fn handle_in_turn<R: Routes>(&self, handlers: &Routed<R>, batch: &mut Batch) -> Flow {
        let mut counts = LocalCounts::default();
        let mut until_pause = BATCH;
        while let Some(entry) = batch.entry(&self.worker.origin) {
            match entry {
                Entry::Error(error) if self.worker.partition_error(&error) == Flow::End => return Flow::End,
                Entry::Error(_) => {}
                Entry::Record(record) => {
                    let done = self.worker.settle(handlers, record).await;
                    counts.add(done);
                    if done == Done::Unsettled {
                        return Flow::End;
                    }
                }
            }
            batch.advance();
            until_pause -= 1;
            if until_pause == 0 {
                self.end_of_batch(&mut counts).await;
                until_pause = BATCH;
            }
        }
        self.end_of_batch(&mut counts).await;
        Flow::Continue
    }
}
