//! What a lane waits for when nothing can begin.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{
    run::Run,
    stall::{AtLimit, Notice},
    turning::Turning,
};
use crate::{
    engine::{
        delivery::{Acknowledgement, Delivery},
        observe::{HeldUp, PartitionEvent},
        schedule::{Limit, NextRecord},
    },
    route::Routes,
};

/// How often a lane that is at its end looks whether what its handlers have enqueued is acknowledged.
const LOOKS_AGAIN: Duration = Duration::from_millis(10);

impl<R: Routes> Run<R> {
    /// Waits until there may be something to do. May return without a cause: look again.
    pub(super) async fn wait(&mut self, limit: Option<Limit>) {
        let is_ending = self.is_ending();
        let next = if self.is_held() {
            NextRecord::IsHeld
        } else if limit == Some(Limit::InFlight) {
            NextRecord::NeedsPermit
        } else {
            NextRecord::Begins
        };
        if !is_ending {
            self.watch(limit.filter(|_| next != NextRecord::IsHeld));
        }
        let (waits_for_answer, permit) = match &self.delivery {
            Delivery::After => (false, None),
            Delivery::Before(before) => {
                let needs_permit = limit == Some(Limit::CommittedAhead);
                (before.waits(), needs_permit.then(|| before.permit()))
            }
        };
        if waits_for_answer {
            self.requests.now();
        }
        let next_look = self.next_look(is_ending);
        let has_permit = permit.is_some();
        let tools = &self.tools;
        let answer = async {
            match &self.delivery {
                Delivery::After => std::future::pending().await,
                Delivery::Before(before) => before.answer(&tools.worker.control).await,
            }
        };
        let permit = async {
            match permit {
                Some(permit) => permit.await,
                None => std::future::pending().await,
            }
        };
        let needs_preparation = self.preparation.is_open::<R>() && !is_ending;
        let taken = self.delivery.taken(&self.fetched);
        let preparation = &mut self.preparation;
        let prepared = async {
            if R::PREPARES {
                preparation.run(tools, taken).await;
            }
        };
        tokio::select! {
            biased;
            event = self.schedule.wait(next) => self.exit_event(event),
            answer = answer, if waits_for_answer => self.hear(answer),
            permit = permit, if has_permit => match &mut self.delivery {
                Delivery::After => {}
                Delivery::Before(before) => before.reserve(permit),
            },
            () = prepared, if needs_preparation => {}
            () = tools.worker.control.look.notified() => {}
            () = sleep_until_if(next_look) => {}
        }
    }

    fn next_look(&mut self, is_ending: bool) -> Option<Instant> {
        let seeks = match &self.turning {
            // A lane that ends seeks no more.
            Some(Turning::Seeks { again_at, .. }) => again_at.filter(|_| !is_ending),
            Some(Turning::GoesBack { .. }) | None => None,
        };
        let stall = self.stall.due().filter(|_| !is_ending);
        let flushed = (is_ending && self.has_nothing_under_way()).then(|| Instant::now() + LOOKS_AGAIN);
        let sendings = self.sendings.due().into_iter().chain(flushed);
        let letters = self.letters.due(&self.tools.worker.control);
        let collected = self.schedule.due().filter(|_| !self.is_held());
        collected.into_iter().chain(stall).chain(seeks).chain(sendings).chain(letters).min()
    }

    /// What became of the commit that was asked for ahead of handling.
    fn hear(&mut self, answer: Acknowledgement) {
        let Delivery::Before(before) = &mut self.delivery else { return };
        let next = match answer {
            Acknowledgement::Given => return,
            Acknowledgement::TakenBack => {
                before.call_off();
                return;
            }
            Acknowledgement::Unknown => before.call_off(),
        };
        let up_to = next.map(|next| next - 1);
        self.tools.worker.tell_of_partition(&PartitionEvent::PerhapsLost { up_to });
    }

    /// Tells when a limit has held the partition up for long.
    fn watch(&mut self, limit: Option<Limit>) {
        if limit.is_none() && self.stall.due().is_none() {
            return;
        }
        let (unsettled, behind) = self.schedule.unsettled_and_behind();
        let at = limit.map(|limit| AtLimit { limit, unsettled, settled: self.epoch.settled() });
        let Some(notice) = self.stall.look(at, Instant::now()) else { return };
        let worker = Arc::clone(&self.tools.worker);
        worker.tell_of_partition(&match notice {
            Notice::HeldUp(limit, lasted) => PartitionEvent::HeldUp(HeldUp {
                limit,
                lasted,
                first_unsettled: self.epoch.first_unsettled(),
                unsettled,
                behind_their_key: behind,
                backing_off: worker.control.backing_off.records(),
            }),
            Notice::GoesOn(lasted) => PartitionEvent::GoesOn { lasted },
        });
    }
}

/// Waits until `at`, if that is given; else for ever.
async fn sleep_until_if(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
