//! Records in order, of which some are collected for batch handlers.
//!
//! A batch is a run of records of one handler: a record for another handler ends it, so that the partition's order is kept. What
//! nobody handles does not end it.

use tokio::time::{Instant, sleep_until};

use super::{BATCH, Done, Flow, Lane, group::Group};
use crate::{
    engine::{pipeline::Routed, shared::LocalCounts},
    native::{Batch, Entry, Message, StartsOver},
    route::Routes,
};

/// What has been taken and is not settled yet.
#[derive(Default)]
pub(super) struct Collected {
    group: Option<Group<Message>>,
    /// The offset behind all that has been taken.
    next: i64,
    /// The offsets have gone back since: what is settled of it is not to be committed.
    is_of_before: bool,
    pub(super) counts: LocalCounts,
}

impl Lane {
    /// At least once.
    pub(super) async fn post_commit_in_batches<R: Routes>(&mut self, handlers: &Routed<R>) {
        let mut batch = self.queue.batch();
        let mut collected = Collected::default();
        while !self.worker.control.is_stopping() {
            let mut flow = Flow::Continue;
            if let Some(starts_over) = self.take(&mut batch, BATCH) {
                flow = self.settle_before(handlers, &mut collected, starts_over).await;
            }
            if flow == Flow::Continue {
                flow = if batch.is_empty() {
                    if let Some(reached) = self.queue.reached() {
                        self.skip_to_behind(&mut collected, reached);
                    }
                    self.wait_to_collect(&collected).await;
                    self.settle_due(handlers, &mut collected).await
                } else {
                    self.collect(handlers, &mut batch, &mut collected).await
                };
            }
            self.end_of_batch(&mut collected.counts).await;
            if flow == Flow::End {
                return;
            }
        }
    }

    /// Settles what was collected before offsets have gone back.
    async fn settle_before<R: Routes>(
        &self,
        handlers: &Routed<R>,
        collected: &mut Collected,
        starts_over: StartsOver,
    ) -> Flow {
        let first = collected.group.as_ref().map(|group| group.items[0].record(&self.worker.origin).offset());
        self.go_back(starts_over, first);
        collected.is_of_before = true;
        let flow = self.settle_group(handlers, collected).await;
        collected.is_of_before = false;
        if flow == Flow::Continue {
            self.progress.start_over(starts_over.from);
        }
        flow
    }

    /// Waits until there may be records, what is collected has waited long enough, or the lane is stopped.
    async fn wait_to_collect(&self, collected: &Collected) {
        match &collected.group {
            None => self.idle().await,
            Some(group) => tokio::select! {
                biased;
                () = self.idle() => {}
                () = sleep_until(group.due) => {}
            },
        }
    }

    async fn settle_due<R: Routes>(&self, handlers: &Routed<R>, collected: &mut Collected) -> Flow {
        if collected.group.as_ref().is_some_and(|group| group.is_ready(Instant::now())) {
            self.settle_group(handlers, collected).await
        } else {
            Flow::Continue
        }
    }

    /// Handles or collects what was taken.
    pub(super) async fn collect<R: Routes>(
        &self,
        handlers: &Routed<R>,
        batch: &mut Batch,
        collected: &mut Collected,
    ) -> Flow {
        while let Some(message) = batch.pop() {
            // What was committed before is handled to its end.
            if self.is_post_commit() && self.worker.control.is_stopping() {
                return Flow::End;
            }
            if self.take_in_order(handlers, message, collected).await == Flow::End {
                return Flow::End;
            }
        }
        // While other records keep coming, nobody else looks at the clock.
        self.settle_due(handlers, collected).await
    }

    async fn take_in_order<R: Routes>(
        &self,
        handlers: &Routed<R>,
        message: Message,
        collected: &mut Collected,
    ) -> Flow {
        let record = match message.entry(&self.worker.origin) {
            Entry::Error(error) => return self.worker.partition_error(&error),
            Entry::Record(record) => record,
        };
        let next = record.offset() + 1;
        let (handler, event_type) = self.worker.route(handlers, &record);
        let Some(handler) = handler else {
            collected.counts.add(Done::Skipped);
            collected.next = next;
            if collected.group.is_none() {
                self.settled(collected, next);
            }
            return Flow::Continue;
        };
        if collected.group.as_ref().is_some_and(|group| group.handler != handler)
            && self.settle_group(handlers, collected).await == Flow::End
        {
            return Flow::End;
        }
        collected.next = next;
        if let Some(spec) = handlers.rules[handler].batch {
            let bytes = record.bytes();
            let group = collected
                .group
                .get_or_insert_with(|| Group::new(handler, spec, self.work_bytes, Instant::now()));
            group.push(message, bytes);
            if group.is_full() { self.settle_group(handlers, collected).await } else { Flow::Continue }
        } else {
            let done = self.worker.handle(handlers, handler, record, event_type, None).await;
            collected.counts.add(done);
            if done == Done::Unsettled {
                return Flow::End;
            }
            self.settled(collected, next);
            Flow::Continue
        }
    }

    /// Handles what is collected, if anything is.
    pub(super) async fn settle_group<R: Routes>(
        &self,
        handlers: &Routed<R>,
        collected: &mut Collected,
    ) -> Flow {
        let Some(group) = collected.group.take() else { return Flow::Continue };
        let records = group.items.iter().map(|message| message.record(&self.worker.origin));
        let end = self.worker.handle_batch(handlers, group.handler, records, None).await;
        collected.counts.merge(end.counts);
        match group.items.get(end.settled) {
            None => {
                self.settled(collected, collected.next);
                Flow::Continue
            }
            Some(first_unsettled) => {
                self.settled(collected, first_unsettled.record(&self.worker.origin).offset());
                Flow::End
            }
        }
    }

    /// There is nothing between the last record and `next`.
    fn skip_to_behind(&self, collected: &mut Collected, next: i64) {
        collected.next = next;
        if collected.group.is_none() {
            self.settled(collected, next);
        }
    }

    /// All records below `next` are settled. (Pre-commit, that was committed before.)
    fn settled(&self, collected: &Collected, next: i64) {
        if self.is_post_commit() && !collected.is_of_before {
            self.progress.advance(next);
        }
    }
}
