//! Attempts at one record, or at the records of a batch, until they are settled.

mod back_off;
mod buffers;
mod conclude;
mod count;
mod ended;
mod guarded;
mod letter;
mod open;
mod report;
mod take_out;
mod turn;

use std::{pin::pin, sync::Arc};

pub(crate) use self::ended::Done;
use self::guarded::{Interruptions, guarded};
pub(super) use self::{
    buffers::{Buffers, MOST_KEPT, Opened, SpareBuffers},
    ended::{Ended, Fate, Share},
    letter::Letter,
    open::Open,
    turn::{AttemptState, Permits},
};
use super::{
    at_work::AtWork,
    delivery::Terms,
    lane::LaneControl,
    numbers::{Clock, Moment},
    pipeline::{Routed, Rule},
    shared::Shared,
};
use crate::{
    event_type::EventIdentity,
    handle::{Attempt, Context, Outcome},
    record::{Origin, Record},
    route::{Matched, Routes},
    settle::{Tries, Verdict},
    traces::{LaneTracer, ProcessSpan},
};

/// What works on a partition's records: shared by the tasks of a lane.
pub(super) struct Worker {
    pub(super) origin: Origin,
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<LaneControl>,
    at_work: AtWork,
    terms: Terms,
    clock: Clock,
    /// Whether somebody wants to know all that happens to each record.
    is_watched: bool,
    tracer: LaneTracer,
}

/// Whether a lane goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    End,
}

impl Worker {
    pub(super) fn new(
        origin: Origin,
        shared: Arc<Shared>,
        control: Arc<LaneControl>,
        at_work: AtWork,
    ) -> Self {
        let (terms, is_watched) = (Terms::of(shared.mode), shared.observers.watch_all());
        let tracer = LaneTracer::new(shared.states.tracing(), &origin, &shared.group);
        let clock = shared.numbers().clock();
        Self { origin, shared, control, at_work, terms, clock, is_watched, tracer }
    }

    /// What is known of the event that a record is.
    #[inline(always)]
    pub(super) fn event<'r>(&'r self, record: &Record<'r>) -> EventIdentity<'r> {
        self.shared.event_types.event(record)
    }

    /// What the moments of attempts are read from.
    #[inline]
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// The handler for an event.
    #[inline]
    pub(super) fn route<R>(&self, handlers: &Routed<R>, event: &EventIdentity<'_>) -> Option<Matched> {
        let matched = match event.version() {
            None => handlers.table.find(event.name()),
            Some(version) => handlers.table.find_version(event.name(), version),
        };
        matched.map(|matched| matched.with_more(event.has_more()))
    }

    /// Whether somebody wants to know all that happens to each record.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// The same of a record that has a handler: its envelope is opened.
    #[inline]
    pub(super) fn opened<'r>(&'r self, record: &Record<'r>) -> EventIdentity<'r> {
        let mut event = self.event(record);
        event.open(record.payload());
        event
    }

    /// The same of a record that was routed before, which may have been some time ago: it is not looked at if that is not needed.
    #[inline]
    pub(super) fn opened_again<'r, R>(
        &'r self,
        handlers: &Routed<R>,
        matched: Matched,
        record: &Record<'r>,
    ) -> EventIdentity<'r> {
        match handlers.table.name(matched.event()) {
            Some(name) if !matched.has_more() => EventIdentity::named(Some(name.as_bytes())),
            _ => self.opened(record),
        }
    }

    /// Makes attempts until the records are settled, or the lane is at its end.
    ///
    /// Records that cannot be decoded do not spoil their batch: they take the failure policy's last step by themselves, and the
    /// others are handled.
    ///
    /// # Cancel safety
    /// Dropping it drops the handler; its records are not settled.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` would hold its arguments twice")]
    pub(super) fn attempt<'a, R: Routes>(
        &'a self,
        handlers: &'a Routed<R>,
        handler: usize,
        mut open: Open<'a>,
        state: &'a mut AttemptState,
    ) -> impl Future<Output = Ended> + Send + 'a {
        async move {
            let rule = &handlers.rules[handler];
            let mut tries = Tries::FIRST;
            loop {
                let thread = if rule.is_blocking || !state.permits.allow_one() {
                    // Boxed, as below.
                    match Box::pin(self.turn(rule, state, &open.first().record)).await {
                        Some(thread) => thread,
                        None => return self.leave(open, tries),
                    }
                } else {
                    None
                };
                // A handler that never waits is never dropped: the next one would begin, however late it is.
                if self.control.is_aborted() {
                    state.began = Moment::NEVER;
                    return self.unfinished(open, tries);
                }
                if self.is_watched {
                    state.begun = self.tell_begun(&open, state.begun);
                }
                let mut span = ProcessSpan::default();
                let attempt = {
                    let called;
                    let context = match (&open, thread.as_ref()) {
                        (Open::One(context), None) => context,
                        (_, thread) => {
                            called = open.call_context(thread);
                            &called
                        }
                    };
                    self.tracer.begin(context, &mut span);
                    // It stays where it is made.
                    let call = pin!(handlers.routes.call(handler, context));
                    let interruptions = || self.interruptions(rule, &open);
                    guarded(call, &mut span, interruptions).await
                };
                let Some(attempt) = attempt else {
                    span.unfinished();
                    return self.unfinished(open, tries);
                };
                let attempt = match (attempt, &mut open) {
                    // What comes of nearly all records costs no more than it has to.
                    (Attempt::Returned(Outcome::Done), Open::One(_)) => return Ended::All(Done::Handled),
                    (Attempt::UndecodableAmong(faults), Open::Many(batch)) => {
                        span.undecodable(faults.len());
                        if self.take_out(handlers, handler, tries, batch, faults) == Flow::End {
                            return self.leave(open, tries);
                        }
                        if open.len() == 0 {
                            return self.all(open, Done::Handled);
                        }
                        // The handler was not called, so this was no attempt at the others.
                        continue;
                    }
                    (Attempt::Sends(mut outgoing), _) => {
                        outgoing.set_cause(span.cause());
                        return self.sends(open, outgoing, tries);
                    }
                    (attempt, _) => attempt,
                };
                let verdict = rule.judge.judge(tries, attempt, self.control.cancelled(), fastrand::f64);
                span.judged(&verdict);
                let (wait, failure) = match verdict {
                    Verdict::Retry(wait, failure) => (wait, failure),
                    last => return self.conclude(handlers, handler, tries, open, last),
                };
                drop(thread);
                // Boxed, as what has not to wait is to be small.
                let pause = self.back_off(&handlers.table, &mut open, &mut tries, (wait, failure), state);
                if Box::pin(pause).await == Flow::End {
                    return self.leave(open, tries);
                }
            }
        }
    }

    /// What may end an attempt that waits.
    fn interruptions(&self, rule: &Rule, open: &Open<'_>) -> Interruptions<'_> {
        let under_way = self.control.pulse.wait(rule.at_work(open.first().record.offset()));
        Interruptions::new(self.control.aborted(), rule.time_limit, under_way)
    }

    /// What is known at the first attempt.
    #[inline]
    pub(super) fn context<'r>(&'r self, record: Record<'r>, event: &'r EventIdentity<'r>) -> Context<'r> {
        Context {
            record,
            event,
            payload: event.payload(record.payload()),
            states: &self.shared.states,
            cancellation: self.control.cancelled(),
            attempt: Tries::FIRST.attempt,
            thread: None,
            batch: &[],
        }
    }
}
