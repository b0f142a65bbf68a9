//! At most once: a batch is handled only after the broker has acknowledged the offset behind it.
//!
//! Two batches are under way: while one is handled, the offset of the next is being acknowledged. What has been committed
//! is handled to its end even when the lane is stopped, because nobody will read it again; only an abort cuts it short.

use std::time::Instant;

use super::{Flow, Lane, record::Position};
use crate::{
    engine::{pipeline::Routed, shared::LocalCounts},
    native::{Batch, Entry},
    route::Routes,
    settle::Pace,
};

impl Lane {
    pub(super) async fn pre_commit<R: Routes>(&mut self, handlers: &Routed<R>) {
        let mut acknowledged = self.batch();
        let mut requested = self.batch();
        let mut counts = LocalCounts::default();
        let mut pace = Pace::new();
        loop {
            if !self.control.is_stopping() && requested.is_empty() {
                self.queue.take(&mut requested, pace.records());
                self.request(&requested);
            }
            if acknowledged.is_empty() {
                if requested.is_empty() {
                    if self.control.is_stopping() {
                        return;
                    }
                    self.idle().await;
                    continue;
                }
                if self.wait_for_acknowledgement(&requested).await == Flow::End {
                    return;
                }
                std::mem::swap(&mut acknowledged, &mut requested);
                // Ask for the next batch's offset before this one is handled.
                continue;
            }
            let (records, begun) = (acknowledged.len(), Instant::now());
            if self.handle(handlers, &mut acknowledged, &mut counts).await == Flow::End {
                return;
            }
            pace.handled(records, begun.elapsed());
            self.end_of_batch(&mut counts).await;
        }
    }

    fn request(&self, batch: &Batch) {
        if let Some(last) = batch.last_offset() {
            self.progress.advance(last + 1);
            self.commit_wanted.notify_one();
        }
    }

    async fn wait_for_acknowledgement(&self, batch: &Batch) -> Flow {
        let Some(last) = batch.last_offset() else { return Flow::Continue };
        while !self.progress.is_acknowledged(last + 1) {
            tokio::select! {
                biased;
                () = self.control.acknowledged.notified() => {}
                () = self.control.abort.cancelled() => return Flow::End,
            }
        }
        Flow::Continue
    }

    async fn handle<R: Routes>(
        &self,
        handlers: &Routed<R>,
        batch: &mut Batch,
        counts: &mut LocalCounts,
    ) -> Flow {
        while let Some(entry) = batch.entry(&self.origin) {
            let flow = match entry {
                Entry::Error(code) => self.partition_error(code),
                Entry::Record(record) => match self.settle(handlers, record, counts).await {
                    Position::Settled => Flow::Continue,
                    Position::Unsettled => {
                        tracing::warn!(
                            consumer = %self.origin.consumer,
                            partition = %self.origin,
                            offset = record.offset(),
                            records = batch.len(),
                            "records that were committed before they were handled are lost: the time to end was over"
                        );
                        Flow::End
                    }
                },
            };
            if flow == Flow::End {
                return Flow::End;
            }
            batch.advance();
        }
        Flow::Continue
    }
}
