//! At least once: an offset may be committed once its record is settled.

use super::{BATCH, Done, Flow, Lane};
use crate::{
    engine::{pipeline::Routed, shared::LocalCounts},
    native::{Batch, Entry},
    route::Routes,
};

impl Lane {
    pub(super) async fn post_commit<R: Routes>(&mut self, handlers: &Routed<R>) {
        let mut batch = self.queue.batch();
        let mut counts = LocalCounts::default();
        while !self.worker.control.is_stopping() {
            if let Some(starts_over) = self.take(&mut batch, BATCH) {
                self.go_back(starts_over, None);
            }
            if batch.is_empty() {
                if let Some(reached) = self.queue.reached() {
                    self.progress.advance(reached);
                }
                self.idle().await;
                continue;
            }
            let flow = self.settle_batch(handlers, &mut batch, &mut counts).await;
            self.end_of_batch(&mut counts).await;
            if flow == Flow::End {
                return;
            }
        }
    }

    async fn settle_batch<R: Routes>(
        &self,
        handlers: &Routed<R>,
        batch: &mut Batch,
        counts: &mut LocalCounts,
    ) -> Flow {
        while let Some(entry) = batch.entry(&self.worker.origin) {
            if self.worker.control.is_stopping() {
                return Flow::End;
            }
            match entry {
                Entry::Error(error) if self.worker.partition_error(&error) == Flow::End => return Flow::End,
                Entry::Error(_) => {}
                Entry::Record(record) => {
                    let done = self.worker.settle(handlers, record).await;
                    counts.add(done);
                    if done == Done::Unsettled {
                        return Flow::End;
                    }
                    self.progress.advance(record.offset() + 1);
                }
            }
            batch.advance();
        }
        Flow::Continue
    }
}
