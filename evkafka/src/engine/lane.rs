//! One assigned partition.

mod arrive;
mod backing_off;
mod batches;
mod control;
mod ended;
mod epoch;
mod exit;
mod front;
mod letters;
mod offer;
mod outbox;
mod phase;
mod prepare;
mod resends;
mod run;
mod sendings;
mod sent;
mod stall;
#[cfg(all(test, not(evkafka_loom)))]
mod tests;
mod told;
mod turning;
mod wait;
mod window;

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use self::{
    batches::Scratch, epoch::Epoch, letters::Letters, prepare::Preparation, run::Run, sendings::Sendings,
    stall::Stall,
};
pub(super) use self::{
    control::{LaneControl, OverGuard},
    phase::Phase,
};
use super::{
    at_work::Predecessor,
    attempt::{Flow, Worker},
    commit::CommitRequests,
    delivery::Delivery,
    observe::PartitionEvent,
    pipeline::Routed,
    schedule::{Schedule, Tools},
    start::Start,
    unmatched::LaneUnmatched,
    vitals::WaitsFor,
};
use crate::{route::Routes, source::Queue};

/// How often it is said that a partition waits.
const STILL_WAITS: Duration = Duration::from_secs(30);

/// One assigned partition, before its first record.
pub(crate) struct Lane {
    pub(super) queue: Queue,
    pub(super) worker: Arc<Worker>,
    /// Where it begins.
    pub(super) start: oneshot::Receiver<Start>,
    /// How many bytes of records may be collected for a batch handler, or be handled concurrently.
    pub(super) work_bytes: u64,
    /// For commits that the lane waits for.
    pub(super) commit_requests: Arc<CommitRequests>,
    /// What earlier lanes of the same partition have left at work.
    pub(super) predecessors: Vec<Predecessor>,
    /// Says that the lane is over. Dropped last: nothing of the partition is in use any more.
    pub(super) finished: OverGuard,
}

impl Lane {
    /// Works until the lane is stopped.
    ///
    /// # Cancel safety
    /// Dropping it drops the handlers that are under way; their records are not settled.
    pub(super) async fn run<R: Routes>(mut self, handlers: Arc<Routed<R>>) {
        self.wait_for_predecessors().await;
        let Some(start) = self.learn_start().await else {
            self.finished.in_order();
            return;
        };
        let (run, mut finished) = self.begin(start, handlers);
        run.run().await;
        finished.in_order();
    }

    /// Begins where it was found to.
    fn begin<R: Routes>(self, start: Start, handlers: Arc<Routed<R>>) -> (Run<R>, OverGuard) {
        let Self { mut queue, worker, work_bytes, commit_requests, finished, .. } = self;
        begin_queue(&mut queue, &worker, &commit_requests, &start);
        let (shared, is_watched) = (Arc::clone(&worker.shared), worker.is_watched());
        let Start { committed, next, .. } = start;
        if let Some(next) = next {
            worker.control.gauges.settled_below(next);
        }
        worker.tell_of_partition(&PartitionEvent::Begins { committed, next });
        let persists = shared.persist_progress.then(|| Arc::clone(&shared.metadata_limit));
        let epoch = Epoch::resume(start, persists);
        let mut delivery = Delivery::of(shared.mode, shared.concurrency, &shared.ahead, || queue.fetched());
        match &mut delivery {
            Delivery::After => {}
            Delivery::Before(before) => before.begin(Arc::clone(&epoch.progress)),
        }
        let schedule = Schedule::of(&shared, &handlers.rules, work_bytes);
        worker.control.install(Arc::clone(&epoch.progress));
        worker.control.pulse.attempts_may_take(handlers.longest_attempt());
        match &schedule {
            Schedule::InOrder(_) => {}
            Schedule::Concurrent(_) => worker.control.pulse.attempts_are_beside(),
        }
        let outlets = Arc::clone(shared.states.outlets());
        let numbers = shared.numbers().lane(&worker.origin.topic, &handlers.table);
        let sendings = Sendings::new(outlets, Arc::clone(&worker.control.look), work_bytes);
        let letters = Letters::new(Arc::clone(&worker.control.look), work_bytes);
        let run = Run {
            fetched: queue.fetched(),
            tools: Arc::new(Tools { handlers, worker }),
            queue,
            delivery,
            schedule,
            scratch: Scratch::default(),
            epoch,
            preparation: Preparation::default(),
            turning: None,
            letters,
            sendings,
            stall: Stall::default(),
            numbers,
            unmatched: LaneUnmatched::default(),
            dropped: 0,
            is_watched,
            requests: commit_requests,
            flow: Flow::Continue,
        };
        (run, finished)
    }

    /// Two lanes of one partition at the same time would break its order, and handle a record twice. A lane that is stopped meanwhile
    /// does not wait: the next one knows of them too.
    async fn wait_for_predecessors(&self) {
        if self.predecessors.is_empty() {
            return;
        }
        let _waiting = self.worker.control.pulse.wait(WaitsFor::Predecessor);
        let mut all_over = pin!(async {
            for predecessor in &self.predecessors {
                predecessor.over().await;
            }
        });
        loop {
            tokio::select! {
                biased;
                () = self.worker.control.stopped() => return,
                () = &mut all_over => return,
                () = tokio::time::sleep(STILL_WAITS) => {
                    self.worker.tell_of_partition(&PartitionEvent::WaitsForPredecessor);
                }
            }
        }
    }

    /// Waits to hear where the lane begins; `None` if it is stopped before.
    async fn learn_start(&mut self) -> Option<Start> {
        let _waiting = self.worker.control.pulse.wait(WaitsFor::Broker);
        tokio::select! {
            biased;
            () = self.worker.control.stopped() => None,
            start = &mut self.start => {
                if start.is_err() && !self.worker.control.is_stopping() {
                    self.worker.lost_start();
                }
                start.ok()
            }
        }
    }
}

/// The queue wakes the lane, and begins where the lane does, which is committed at once if it is not what is committed.
fn begin_queue(queue: &mut Queue, worker: &Worker, commit_requests: &CommitRequests, start: &Start) {
    queue.listen(Arc::clone(&worker.control.look));
    if let Some(next) = start.next {
        match start.committed {
            Some(_) => queue.begin_at(next),
            // Without a committed offset, librdkafka had to be told.
            None => queue.begin_sought(next),
        }
        if start.committed != Some(next) {
            commit_requests.now();
        }
    }
}
