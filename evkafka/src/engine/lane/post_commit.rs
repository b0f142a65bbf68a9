//! At least once: an offset may be committed once its record is settled.

use super::{BATCH, Flow, Lane, record::Position};
use crate::{engine::pipeline::Routed, engine::shared::LocalCounts, native::Entry, route::Routes};

impl Lane {
    pub(super) async fn post_commit<R: Routes>(&mut self, handlers: &Routed<R>) {
        let mut batch = self.batch();
        let mut counts = LocalCounts::default();
        let mut flow = Flow::Continue;
        while flow == Flow::Continue && !self.control.is_stopping() {
            self.queue.take(&mut batch, BATCH);
            if batch.is_empty() {
                self.idle().await;
                continue;
            }
            while let Some(entry) = batch.entry(&self.origin) {
                if self.control.is_stopping() {
                    break;
                }
                flow = match entry {
                    Entry::Error(code) => self.partition_error(code),
                    Entry::Record(record) => match self.settle(handlers, record, &mut counts).await {
                        Position::Settled => {
                            self.progress.advance(record.offset() + 1);
                            Flow::Continue
                        }
                        Position::Unsettled => Flow::End,
                    },
                };
                if flow == Flow::End {
                    break;
                }
                batch.advance();
            }
            self.end_of_batch(&mut counts).await;
        }
    }
}
