//! An epoch ends, and another begins: because offsets have gone back, or because the lane is to continue elsewhere.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Phase, epoch::Epoch, run::Run};
use crate::{
    engine::{delivery::Delivery, observe::PartitionEvent, vitals::WaitsFor},
    route::Routes,
    source::StartsOver,
};

/// Why an epoch ends, and what has to be done before the next one begins.
pub(super) enum Turning {
    /// Offsets have gone back. All that was taken before is settled first.
    GoesBack { next: Epoch },
    /// The lane continues at the offset `to`. What has not begun is dropped; what is under way finishes first.
    Seeks { to: i64, again_at: Option<Instant> },
}

/// How long to wait before a seek that was not answered is tried again.
const SEEK_RETRY: Duration = Duration::from_secs(1);

impl<R: Routes> Run<R> {
    /// What the broker has of the partition would have the next owner pass over records, and is replaced at once. As long as what was
    /// taken before is unsettled, that is where it begins, unless it was committed before: then it is not to be handled again.
    pub(super) fn go_back(&mut self, StartsOver { from }: StartsOver) {
        self.tools.worker.tell_of_partition(&PartitionEvent::GoneBack { from });
        self.control().gauges.settled_below(from);
        let next = self.epoch.followed_at(from);
        let is_open = self.epoch.first_unsettled();
        match (&mut self.delivery, is_open) {
            (Delivery::After, Some(first)) => {
                let held = self.epoch.followed_at(first.min(from));
                self.control().install(held.progress);
            }
            (Delivery::After, None) => self.control().install(Arc::clone(&next.progress)),
            (Delivery::Before(before), _) => {
                before.begin(Arc::clone(&next.progress));
                self.control().install(Arc::clone(&next.progress));
            }
        }
        self.requests.now();
        self.turning = Some(Turning::GoesBack { next });
        self.finish_going_back();
    }

    /// Follows a seek that is asked for, and begins the next epoch if nothing of the one that ends is under way.
    pub(super) async fn turn(&mut self) {
        if let Some(to) = self.control().take_seek() {
            self.begin_seek(to);
        }
        match self.turning {
            None => {}
            Some(Turning::GoesBack { .. }) => self.finish_going_back(),
            Some(Turning::Seeks { to, again_at }) => {
                let is_due = again_at.is_none_or(|at| at <= Instant::now());
                if is_due && self.has_nothing_under_way() {
                    self.seek(to).await;
                }
            }
        }
    }

    fn finish_going_back(&mut self) {
        let is_settled = self.epoch.unsettled() == 0 && self.has_nothing_under_way();
        let is_handled = match &self.delivery {
            // What is fetched is the next epoch's already.
            Delivery::After => true,
            Delivery::Before(_) => self.fetched.is_empty(),
        };
        if is_settled
            && is_handled
            && let Some(Turning::GoesBack { next }) =
                self.turning.take_if(|turning| matches!(turning, Turning::GoesBack { .. }))
        {
            self.enter(next);
        }
    }

    fn begin_seek(&mut self, to: i64) {
        self.fetched.clear();
        self.preparation.let_go();
        self.schedule.let_go();
        match &mut self.delivery {
            Delivery::After => {}
            Delivery::Before(before) => before.let_go(),
        }
        self.turning = Some(Turning::Seeks { to, again_at: None });
    }

    async fn seek(&mut self, to: i64) {
        // It may take a while, in which others need not wait for this lane's permit.
        self.schedule.give_back_permit();
        let worker = Arc::clone(&self.tools.worker);
        let waiting = worker.control.pulse.wait(WaitsFor::Broker);
        let is_sought = tokio::select! {
            biased;
            () = worker.control.entered(Phase::Stopping) => return,
            is_sought = self.queue.seek(&worker.origin, to) => is_sought,
        };
        drop(waiting);
        if is_sought {
            worker.control.gauges.settled_below(to);
            self.turning = None;
            worker.control.seek_is_done();
            worker.tell_of_partition(&PartitionEvent::Sought { to });
            let next = self.epoch.followed_at(to);
            self.enter(next);
        } else {
            worker.tell_of_partition(&PartitionEvent::SeekUnanswered { to });
            self.turning = Some(Turning::Seeks { to, again_at: Some(Instant::now() + SEEK_RETRY) });
        }
    }

    /// The next epoch begins. Where it does is committed at once.
    fn enter(&mut self, next: Epoch) {
        self.control().install(Arc::clone(&next.progress));
        match &mut self.delivery {
            Delivery::After => {}
            Delivery::Before(before) => {
                before.begin(Arc::clone(&next.progress));
                before.forget_rounds();
            }
        }
        self.epoch = next;
        self.requests.now();
    }
}
