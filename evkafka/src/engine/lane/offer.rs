//! What may begin is offered to the schedule.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Phase,
    exit::{Handling, Standing},
    front::{Ending, attempted_here},
    run::{AT_A_TIME, Run},
    told::{queued, say_call_waits},
};
use crate::{
    engine::{
        attempt::{AttemptState, Flow, Open, Permits},
        delivery::Delivery,
        schedule::{Held, Limit, Place, Schedule, Slot, Tools},
    },
    route::{Matched, Routes},
    source::{Entry, PartitionError},
};

impl<R: Routes> Run<R> {
    /// Offers what may begin, in order; what forbids to offer all of it, if something does.
    pub(super) async fn offer(&mut self) -> Option<Limit> {
        if let Some(limit) = self.limit() {
            return Some(limit);
        }
        let tools = Arc::clone(&self.tools);
        let (worker, handlers) = (&*tools.worker, &*tools.handlers);
        if !self.fetched.is_empty() {
            // The first call begins here.
            self.numbers.look();
        }
        // A round of a pre-commit may be large, and others, the committer among them, are to have their turn.
        let left = self.fetched.len().saturating_sub(AT_A_TIME);
        while self.fetched.len() > left {
            if !self.may_offer() {
                return None;
            }
            worker.control.pulse.beat();
            let record = match self.fetched.entry(&worker.origin)? {
                Entry::Record(record) => record,
                Entry::Error(error) => {
                    self.meet_error(&error);
                    continue;
                }
            };
            let offset = record.offset();
            if self.epoch.was_settled_before(offset) {
                self.fetched.advance();
                self.pass(offset);
                continue;
            }
            let mut event = worker.event(&record);
            if let Some(message) = event.panic() {
                worker.report_unnamed(&record, message);
                self.flow = Flow::End;
                continue;
            }
            let Some(matched) = worker.route(handlers, &event) else {
                worker.meet_unmatched(handlers, &record, event.name(), &mut self.unmatched);
                self.exit_skipped(offset);
                continue;
            };
            let handler = matched.handler();
            let batch = handlers.rules[handler].batch;
            match &mut self.schedule {
                Schedule::InOrder(in_order) => {
                    let limit = if let Some(batch) = in_order.take_before(handler) {
                        self.handle_collected(&tools, batch).await
                    } else if let Some(spec) = batch {
                        self.offer_to_batch(&tools, matched, spec).await
                    } else {
                        let written = record.written();
                        event.open(record.payload());
                        let open = Open::One(worker.context(record, &event));
                        let mut state = AttemptState::new(Permits::Unlimited, self.numbers.begin());
                        let mut ending = Ending::AtOnce;
                        let ended = {
                            let attempts = pin!(worker.attempt(handlers, handler, open, &mut state));
                            let (numbers, epoch) = (&mut self.numbers, &mut self.epoch);
                            let (fetched, delivery, queue) = (&self.fetched, &self.delivery, &self.queue);
                            let waits = || {
                                ending = Ending::Later;
                                let queued = queued(fetched, delivery, queue) - 1;
                                say_call_waits(worker, epoch, written, 1, queued);
                                numbers.received(matched.event());
                                numbers.pass_on();
                            };
                            attempted_here(attempts, waits).await
                        };
                        let handling = Handling::by(matched, written, state.begun);
                        self.exit_front(offset, ended, handling, state.began, ending)
                    };
                    if limit.is_some() {
                        return limit;
                    }
                }
                Schedule::Concurrent(concurrent) => {
                    let (place, slot) = concurrent.place(&record, matched, batch, self.delivery.round());
                    let put = |cx: &mut Context<'_>| Poll::Ready(self.put(cx, &tools, matched, slot, place));
                    let limit = poll_fn(put).await;
                    if limit.is_some() {
                        return limit;
                    }
                }
            }
        }
        None
    }

    /// Goes past an error that is next in place of a record, or ends the lane for it.
    #[cold]
    fn meet_error(&mut self, error: &PartitionError) {
        self.flow = self.tools.worker.partition_error(error);
        self.fetched.advance();
        self.leave_round(self.delivery.round());
    }

    /// Whether nothing begins, of what was taken either, because the partition is paused.
    #[inline]
    pub(super) fn is_held(&self) -> bool {
        self.control().phase() == Phase::Paused
    }

    /// Whether anything may begin now.
    #[inline]
    fn may_offer(&self) -> bool {
        self.flow == Flow::Continue && (!self.is_interrupted() || self.may_offer_all_the_same())
    }

    #[inline]
    fn is_interrupted(&self) -> bool {
        self.turning.is_some() || self.control().is_interrupted() || self.preparation.is_open::<R>()
    }

    #[cold]
    fn may_offer_all_the_same(&self) -> bool {
        match &self.delivery {
            Delivery::After => false,
            // What is committed is handled to its end.
            Delivery::Before(_) => {
                let phase = self.control().phase();
                // A seek that a drain has overtaken is not followed.
                phase >= Phase::Stopping || (phase != Phase::Paused && !self.control().is_seek_asked_for())
            }
        }
    }

    /// Takes the record that is next to keep it.
    pub(super) fn hold(&mut self, matched: Matched) -> Option<Held> {
        let message = self.fetched.pop()?;
        let record = message.record(&self.tools.worker.origin);
        let (offset, bytes, written) = (record.offset(), record.bytes(), record.written());
        let slot = Slot { offset, key: None, bytes, round: self.delivery.round(), written };
        Some(Held { message, matched, slot })
    }

    /// Puts the record that is next into its place; what forbids to let in more, if something does. It is no `async fn`, which would move
    /// all that it has for each record.
    #[inline]
    fn put(
        &mut self,
        cx: &mut Context<'_>,
        tools: &Arc<Tools<R>>,
        matched: Matched,
        slot: Slot,
        place: Place,
    ) -> Option<Limit> {
        match place {
            Place::NeedsPermit => return Some(Limit::InFlight),
            Place::NeedsThread => return Some(Limit::Threads),
            Place::Begins | Place::IsCollected(_) | Place::Waits(_) => {}
        }
        let message = self.fetched.pop()?;
        let Schedule::Concurrent(concurrent) = &mut self.schedule else { return None };
        match place {
            Place::NeedsPermit | Place::NeedsThread => {}
            Place::Begins => {
                let begins = self.numbers.begin();
                if let Some(attempted) = concurrent.begin(cx, tools, message, (matched, slot), begins) {
                    self.exit_at_once(attempted, matched, slot);
                    return None;
                }
            }
            Place::IsCollected(spec) => concurrent.collect(Held { message, matched, slot }, spec),
            Place::Waits(key) => concurrent.wait(key, Held { message, matched, slot }),
        }
        self.numbers.received(matched.event());
        self.epoch.open(slot.offset, slot.written);
        if matches!(place, Place::IsCollected(_)) {
            self.begin_ready(cx);
        }
        self.limit()
    }

    /// Begins what is collected and has waited long enough, and what waits for nothing but a permit; whether any of it
    /// has ended, so that there may be more to do: nobody else is going to wake the lane for that.
    pub(super) async fn begin_collected(&mut self, limit: Option<Limit>) -> bool {
        if self.is_held() {
            self.schedule.give_back_permit();
            return false;
        }
        let at_once = self.waits_for_nothing_else(limit);
        match &mut self.schedule {
            Schedule::InOrder(in_order) => {
                if let Some(batch) = in_order.take_due(at_once) {
                    let tools = Arc::clone(&self.tools);
                    // `offer` looks at the limit again.
                    let _ = self.handle_collected(&tools, batch).await;
                    return true;
                }
                false
            }
            Schedule::Concurrent(concurrent) => {
                concurrent.make_due_ready(at_once);
                poll_fn(|cx| Poll::Ready(self.begin_ready(cx))).await
            }
        }
    }

    /// Whether any has ended at once. Each that does makes way for the next of its key, and they are not to take the thread for themselves.
    fn begin_ready(&mut self, cx: &mut Context<'_>) -> bool {
        let tools = Arc::clone(&self.tools);
        let mut has_ended = false;
        if matches!(&self.schedule, Schedule::Concurrent(concurrent) if concurrent.has_ready()) {
            self.numbers.look();
        }
        for _ in 0..AT_A_TIME {
            let Schedule::Concurrent(concurrent) = &mut self.schedule else { break };
            let Some(begun) = concurrent.begin_ready(cx, &tools, self.numbers.begin()) else {
                return has_ended;
            };
            if let Some(finished) = begun {
                self.exit_here(finished, Standing::Open);
                has_ended = true;
            }
        }
        true
    }

    /// Whether what is collected waits for more, and no more can come before it is handled.
    fn waits_for_nothing_else(&self, limit: Option<Limit>) -> bool {
        let is_rare = match (&self.delivery, &self.schedule) {
            (Delivery::After, _) => false,
            // What was committed together is not made to wait for more.
            (Delivery::Before(_), Schedule::InOrder(_)) => self.fetched.is_empty(),
            (Delivery::Before(_), Schedule::Concurrent(_)) => limit == Some(Limit::CommittedAhead),
        };
        let is_blocked = match limit {
            Some(Limit::Memory) => true,
            Some(Limit::Persisted | Limit::DeadLetters | Limit::Events) => {
                !self.schedule.is_busy() && self.letters.is_empty() && self.sendings.is_empty()
            }
            Some(Limit::InFlight | Limit::Threads | Limit::CommittedAhead) | None => false,
        };
        is_rare || is_blocked || self.turning.is_some() || self.is_ending()
    }
}
