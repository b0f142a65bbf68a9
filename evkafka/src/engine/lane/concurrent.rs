//! Records of one partition side by side: in order for each key, or in no order.
//!
//! Each record that is handled is a task of its own on the runtime. Tasks take one of the consumer's permits for each attempt, and
//! none while they wait out a backoff: a record that fails again and again holds up its own key and nothing else.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    BATCH, Flow, Lane,
    key_order::{KeyHash, KeyOrder},
    worker::{Done, Worker},
};
use crate::{
    config::AutoCommitMode,
    engine::{pipeline::Routed, shared::LocalCounts},
    native::{Entry, Message},
    route::Routes,
    settle::{OffsetTracker, Ticket},
};

/// How far the last record taken may be ahead of the lowest one that is not settled. A slot takes 16 bytes.
const MOST_AHEAD: usize = 1 << 18;

/// A record that waits for its turn.
struct Waiting {
    message: Message,
    handler: usize,
    ticket: Ticket,
    key: Option<KeyHash>,
}

/// A record that has had its turn.
struct Completed {
    done: Done,
    ticket: Ticket,
    key: Option<KeyHash>,
}

struct Concurrent<R> {
    handlers: Arc<Routed<R>>,
    worker: Arc<Worker>,
    permits: Arc<Semaphore>,
    keyed: bool,
    order: KeyOrder<Waiting>,
    tracker: OffsetTracker,
    tasks: JoinSet<Completed>,
    counts: LocalCounts,
    /// The offset that may be committed.
    committable: Option<i64>,
    flow: Flow,
}

impl Lane {
    pub(super) async fn concurrent<R: Routes>(
        &mut self,
        handlers: Arc<Routed<R>>,
        in_flight: usize,
        keyed: bool,
    ) {
        let window = in_flight.saturating_mul(4).saturating_add(BATCH);
        let mut batch = self.queue.batch();
        let mut work = Concurrent {
            handlers,
            worker: Arc::clone(&self.worker),
            permits: Arc::clone(&self.worker.shared.permits),
            keyed,
            order: KeyOrder::new(),
            tracker: OffsetTracker::default(),
            tasks: JoinSet::new(),
            counts: LocalCounts::default(),
            committable: None,
            flow: Flow::Continue,
        };
        loop {
            while let Some(completed) = work.tasks.try_join_next() {
                work.complete(completed);
            }
            self.settle_up(&mut work);
            let ending = work.flow == Flow::End || self.worker.control.is_stopping();
            if ending && work.tasks.is_empty() {
                return;
            }
            let has_room = !ending && work.tracker.unsettled() < window && work.tracker.span() < MOST_AHEAD;
            if has_room {
                self.queue.take(&mut batch, BATCH);
                if !batch.is_empty() {
                    if self.worker.shared.mode == AutoCommitMode::PreCommit {
                        self.request(&batch);
                        if self.wait_for_acknowledgement(&batch).await == Flow::End {
                            return;
                        }
                    }
                    while let Some(message) = batch.pop() {
                        work.take_in(message);
                    }
                    self.settle_up(&mut work);
                    tokio::task::yield_now().await;
                    continue;
                }
            }
            tokio::select! {
                biased;
                Some(completed) = work.tasks.join_next(), if !work.tasks.is_empty() => work.complete(completed),
                () = self.worker.control.stopped(), if !ending => {}
                () = self.worker.control.records.notified(), if has_room => {}
            }
        }
    }

    fn settle_up<R>(&self, work: &mut Concurrent<R>) {
        if let Some(next) = work.committable.take()
            && self.worker.shared.mode == AutoCommitMode::PostCommit
        {
            self.progress.advance(next);
        }
        self.worker.shared.counts.add(&mut work.counts);
    }
}

impl<R: Routes> Concurrent<R> {
    fn take_in(&mut self, message: Message) {
        let (ticket, handler, key) = match message.entry(&self.worker.origin) {
            Entry::Error(code) => {
                if self.worker.partition_error(code) == Flow::End {
                    self.flow = Flow::End;
                }
                return;
            }
            Entry::Record(record) => {
                let ticket = self.tracker.begin(record.offset());
                let (handler, _) = self.worker.route(&self.handlers, &record);
                let key = if self.keyed { record.key().map(KeyHash::of) } else { None };
                (ticket, handler, key)
            }
        };
        let Some(handler) = handler else {
            self.counts.add(Done::Skipped);
            self.settle(ticket);
            return;
        };
        let waiting = Waiting { message, handler, ticket, key };
        let now = match key {
            Some(key) => self.order.admit(key, waiting),
            None => Some(waiting),
        };
        if let Some(waiting) = now {
            self.start(waiting);
        }
    }

    fn start(&mut self, waiting: Waiting) {
        let (handlers, worker) = (Arc::clone(&self.handlers), Arc::clone(&self.worker));
        let permits = Arc::clone(&self.permits);
        self.tasks.spawn(async move {
            let Waiting { message, handler, ticket, key } = waiting;
            let done = match message.entry(&worker.origin) {
                Entry::Record(record) => {
                    let event_type = worker.event_type(&record);
                    worker.handle(&handlers, handler, record, event_type, Some(&permits)).await
                }
                Entry::Error(_) => unreachable!("errors are not handed to tasks"),
            };
            Completed { done, ticket, key }
        });
    }

    fn complete(&mut self, completed: Result<Completed, tokio::task::JoinError>) {
        // A task ends with an error if it was aborted, or if the destructor of a handler's future panicked: its record
        // is not settled.
        let Ok(Completed { done, ticket, key }) = completed else {
            self.worker.lost_task();
            self.flow = Flow::End;
            return;
        };
        self.counts.add(done);
        if done == Done::Unsettled {
            self.flow = Flow::End;
            return;
        }
        self.settle(ticket);
        // What is behind it may start, unless the lane is ending; what was committed before must.
        let may_start = self.worker.shared.mode == AutoCommitMode::PreCommit
            || (self.flow == Flow::Continue && !self.worker.control.is_stopping());
        if may_start
            && let Some(key) = key
            && let Some(next) = self.order.release(key)
        {
            self.start(next);
        }
    }

    fn settle(&mut self, ticket: Ticket) {
        self.committable = self.tracker.settle(ticket).or(self.committable);
    }
}
