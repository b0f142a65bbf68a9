//! The one loop of all lanes: records are taken, admitted by the delivery, offered to the schedule, and leave by the exit.

use std::sync::Arc;

use tokio::task::yield_now;

use super::{
    Phase, batches::Scratch, control::LaneControl, epoch::Epoch, letters::Letters, prepare::Preparation,
    sendings::Sendings, stall::Stall, turning::Turning,
};
use crate::{
    engine::{
        attempt::Flow,
        commit::CommitRequests,
        delivery::{Delivery, NotRequested},
        numbers::LaneNumbers,
        observe::{PartitionEvent, RecordEvent},
        schedule::{Limit, Schedule, Tools},
        unmatched::LaneUnmatched,
    },
    route::{Matched, Routes},
    source::{Entry, Fetched, Queue},
};

/// How many records are taken at a time. They stay in librdkafka's memory: each costs 8 bytes, and the lock and the reading of the clock
/// that they would take one by one are spared.
pub(super) const AT_A_TIME: usize = 256;

/// A lane at work.
pub(super) struct Run<R> {
    /// Dropped first: it takes back what nobody is going to handle.
    pub(super) delivery: Delivery,
    pub(super) tools: Arc<Tools<R>>,
    pub(super) queue: Queue,
    /// What may begin, in order.
    pub(super) fetched: Fetched,
    pub(super) schedule: Schedule,
    pub(super) scratch: Scratch,
    pub(super) epoch: Epoch,
    pub(super) preparation: Preparation,
    /// The epoch ends, and another is about to begin.
    pub(super) turning: Option<Turning>,
    pub(super) letters: Letters,
    pub(super) sendings: Sendings,
    pub(super) stall: Stall,
    pub(super) numbers: LaneNumbers,
    pub(super) unmatched: LaneUnmatched,
    /// How many records were committed and, at an abort, not begun.
    pub(super) dropped: usize,
    /// Whether somebody wants to know all that happens to each record.
    pub(super) is_watched: bool,
    pub(super) requests: Arc<CommitRequests>,
    /// Whether something could not be settled, so that the lane ends.
    pub(super) flow: Flow,
}

impl<R: Routes> Run<R> {
    /// Works until the lane has finished.
    ///
    /// # Cancel safety
    /// Dropping it drops the handlers that are under way; their records are not settled.
    pub(super) async fn run(mut self) {
        loop {
            self.control().pulse.beat();
            self.exit_all_that_ended();
            self.count();
            // The next is acknowledged while this is handled.
            self.admit();
            let limit = if self.is_ending() {
                self.let_go();
                None
            } else {
                self.turn().await;
                self.refill().err()
            };
            let has_ended = self.begin_collected(limit).await;
            let waiting = self.fetched.len();
            let limit = self.offer().await.or(limit);
            if self.has_finished() {
                self.count();
                self.tell_of_lost();
                if self.control().is_seeking() {
                    self.tools.worker.tell_of_partition(&PartitionEvent::SeekDropped);
                }
                return;
            }
            self.say_under_way();
            if has_ended || self.fetched.len() < waiting {
                self.schedule.give_back_permit();
                yield_now().await;
            } else {
                if self.has_nothing_under_way() && self.has_nothing_at_hand() {
                    self.shed_memory();
                }
                self.wait(limit).await;
            }
        }
    }

    pub(super) fn control(&self) -> &LaneControl {
        &self.tools.worker.control
    }

    pub(super) fn is_ending(&self) -> bool {
        self.flow == Flow::End || self.control().is_stopping()
    }

    /// What has not begun goes to the next owner, or is handled at once if nobody else is going to.
    fn let_go(&mut self) {
        self.preparation.let_go();
        match &mut self.delivery {
            Delivery::After => {
                self.fetched.clear();
                self.schedule.let_go();
            }
            Delivery::Before(before) => {
                before.taken.clear();
                if self.tools.worker.control.is_aborted() {
                    self.dropped += self.fetched.len();
                    self.fetched.clear();
                    self.schedule.let_go();
                }
            }
        }
    }

    fn has_finished(&mut self) -> bool {
        let is_committed_and_open = match &self.delivery {
            Delivery::After => false,
            Delivery::Before(before) => {
                self.flow == Flow::Continue && (!self.fetched.is_empty() || before.has_requested())
            }
        };
        self.is_ending()
            && !is_committed_and_open
            && self.has_nothing_under_way()
            && (self.sendings.are_flushed() || self.control().phase() >= Phase::Cancelled)
    }

    pub(super) fn has_nothing_under_way(&self) -> bool {
        self.schedule.is_idle() && self.letters.is_empty() && self.sendings.is_empty()
    }

    fn has_nothing_at_hand(&self) -> bool {
        self.fetched.is_empty() && self.delivery.waiting() == 0
    }

    /// Has what may begin in `fetched`, if there is anything. Errors with what forbids to take more.
    fn refill(&mut self) -> Result<(), Limit> {
        if self.control().is_interrupted() {
            return Ok(());
        }
        let limit = if self.turning.is_none() { self.take().err() } else { None };
        let not_requested = match &mut self.delivery {
            Delivery::After => None,
            Delivery::Before(before) => {
                let worker = &self.tools.worker;
                // What stands behind an error is not to be committed before that is judged: it would pass over what the error hides.
                let may_request = self.turning.is_none()
                    && limit.is_none()
                    && !self.preparation.is_open::<R>()
                    && !self.fetched.ends_with_error();
                let requested = match may_request {
                    true => before.request(&worker.origin, |record| {
                        worker.route(&self.tools.handlers, &worker.event(record)).is_some()
                    }),
                    false => Err(NotRequested::Nothing),
                };
                if requested.is_ok() {
                    self.requests.soon();
                    // Of an error alone, nothing has to be acknowledged, and nobody would wake the lane.
                    before.admit(&mut self.fetched);
                }
                requested.err()
            }
        };
        match (limit, not_requested) {
            (Some(limit), _) => Err(limit),
            (None, Some(NotRequested::NoPermit)) => Err(Limit::CommittedAhead),
            (None, Some(NotRequested::Nothing) | None) => Ok(()),
        }
    }

    /// Lets what is acknowledged begin, while the lane ends too.
    fn admit(&mut self) {
        match &mut self.delivery {
            Delivery::After => {}
            Delivery::Before(before) => {
                before.admit(&mut self.fetched);
            }
        }
    }

    /// Takes records, if all that were taken before have been admitted.
    fn take(&mut self) -> Result<(), Limit> {
        let room = self.room()?;
        let fetched = match &mut self.delivery {
            Delivery::After => &mut self.fetched,
            // Offsets might go back, and the answer would be waited for in another epoch than it comes in.
            Delivery::Before(before) if before.has_requested() => return Ok(()),
            Delivery::Before(before) => &mut before.taken,
        };
        if !fetched.is_empty() {
            return Ok(());
        }
        let starts_over = self.queue.take(fetched, room);
        let (first, is_empty) = (fetched.first_offset(), fetched.is_empty());
        if let Some(deleted) = self.queue.take_deleted() {
            self.tools.worker.tell_of_partition(&PartitionEvent::Deleted { offsets: deleted });
        }
        if self.is_watched {
            self.tell_received();
        }
        match starts_over {
            Some(starts_over) => self.go_back(starts_over),
            None => self.meet(first),
        }
        if !is_empty {
            self.numbers.fetched();
            if self.tools.handlers.routes.prepares() {
                self.preparation.begin();
            }
        }
        if is_empty
            && self.fetched.is_empty()
            && let Some(reached) = self.queue.reached()
        {
            self.skip_to(reached);
        }
        Ok(())
    }

    #[cold]
    fn tell_received(&self) {
        let (worker, fetched) = (&self.tools.worker, self.delivery.taken(&self.fetched));
        fetched.count_while(&worker.origin, |entry| {
            if let Entry::Record(record) = entry {
                let event = worker.event(&record);
                let handler = worker.route(&self.tools.handlers, &event);
                let handler = handler.map(Matched::handler);
                worker.tell(&RecordEvent::Received { record, event_type: event.name(), handler });
            }
            true
        });
    }

    /// How many records may be taken now, or what forbids it.
    fn room(&self) -> Result<usize, Limit> {
        if let Some(limit) = self.limit() {
            return Err(limit);
        }
        match &self.delivery {
            Delivery::After => match self.epoch.room(AT_A_TIME) {
                0 => Err(Limit::Persisted),
                room => Ok(room),
            },
            // To look at: less may be committed.
            Delivery::Before(before) => Ok(before.room()),
        }
    }

    /// What forbids to let in more.
    pub(super) fn limit(&self) -> Option<Limit> {
        if self.schedule.fills_memory(self.control().backing_off.records()) {
            Some(Limit::Memory)
        } else if !self.letters.has_room() {
            Some(Limit::DeadLetters)
        } else {
            (!self.sendings.has_room()).then_some(Limit::Events)
        }
    }

    /// There is nothing between the last record and `next`.
    fn skip_to(&mut self, next: i64) {
        let settled = self.epoch.skip_to(next);
        let committable = match &self.delivery {
            Delivery::After => settled,
            Delivery::Before(_) => Some(next),
        };
        if let Some(next) = committable {
            self.epoch.progress.advance(next);
        }
        if let Some(next) = settled {
            self.control().gauges.settled_below(next);
        }
    }

    /// At the lane's end, what is unsettled nevertheless was committed and had no time left.
    fn tell_of_lost(&mut self) {
        let records = self.epoch.unsettled() + self.dropped + self.fetched.len();
        match &self.delivery {
            Delivery::Before(_) if records > 0 => {
                self.tools.worker.tell_of_partition(&PartitionEvent::Lost { records });
            }
            Delivery::Before(_) | Delivery::After => {}
        }
    }
}
