//! Attempts at one record, or at the records of a batch, until they are settled.

mod buffers;
mod count;
mod guarded;
mod letter;
mod open;
mod report;
mod take_out;
mod turn;

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::sleep;

use self::guarded::{Interruptions, guarded};
pub(super) use self::{
    buffers::{Buffers, Opened, SpareBuffers},
    open::Open,
    turn::{AttemptState, Permits},
};
use super::{
    at_work::AtWork,
    delivery::Terms,
    lane::LaneControl,
    numbers::{Clock, Moment},
    observe::RecordEvent,
    pipeline::{Routed, Rule},
    shared::Shared,
    vitals::WaitsFor,
};
use crate::{
    event::Outgoing,
    event_type::EventIdentity,
    handle::{Attempt, Context, Outcome},
    record::{Origin, Record},
    route::{Matched, Routes},
    settle::{Failure, Tries, Verdict},
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

/// How a record was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Handled,
    /// Nothing matched it, or its handler said that it does not concern this service.
    Skipped,
    GivenUp,
    /// It was sent to the dead-letter topic, and acknowledged.
    DeadLettered,
}

impl Done {
    /// In the order of their numbers.
    pub(super) const ALL: [Self; 4] = [Self::Handled, Self::Skipped, Self::GivenUp, Self::DeadLettered];
}

/// What becomes of a record at which no further attempt is made.
#[derive(Debug)]
pub(super) enum Fate {
    Settled(Done),
    /// It is settled once this is acknowledged.
    Letter(Letter),
    /// It is settled once these are acknowledged.
    Sends(Outgoing),
}

/// What becomes of a record of a batch whose handler has returned events.
#[derive(Debug)]
pub(super) enum Share {
    /// It is settled once the events are acknowledged.
    OfCall,
    /// It had left the batch before. `None` is unsettled.
    Left(Option<Fate>),
}

/// A record is to be sent to a dead-letter topic.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    topic: Arc<str>,
    handler: usize,
    attempts: u32,
    /// Of the record, or of the whole batch that it was in.
    failure: Arc<Failure>,
    failed_at: SystemTime,
}

impl Letter {
    pub(super) fn new(topic: Arc<str>, handler: usize, attempts: u32, failure: Failure) -> Self {
        Self { topic, handler, attempts, failure: Arc::new(failure), failed_at: SystemTime::now() }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }
}

/// How the attempts at the records of one call ended. No larger than it has to be, as it is moved for each record.
#[derive(Debug)]
pub(super) enum Ended {
    /// The same became of all of them.
    All(Done),
    /// What became of each, in their order; `None` is unsettled.
    Each(Box<[Option<Fate>]>),
    /// All of them are settled once these events are acknowledged.
    Sends(Outgoing),
    /// The same of some of them, in their order.
    SendsOfSome(Box<(Outgoing, Vec<Share>)>),
}

impl Ended {
    /// What became of the only record of a call.
    #[inline]
    pub(super) fn of_one(self) -> Option<Fate> {
        match self {
            Self::All(done) => Some(Fate::Settled(done)),
            Self::Each(fates) => fates.into_iter().next().flatten(),
            Self::Sends(outgoing) => Some(Fate::Sends(outgoing)),
            Self::SendsOfSome(of_some) => Some(Fate::Sends(of_some.0)),
        }
    }
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
        match event.version() {
            None => handlers.table.find(event.name()),
            Some(version) => handlers.table.find_version(event.name(), version),
        }
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

    /// The same of a record that was routed before, which may have been some time ago: its headers are not looked at if that is not needed.
    #[inline]
    pub(super) fn opened_again<'r, R>(
        &'r self,
        handlers: &Routed<R>,
        matched: Matched,
        is_name_only: bool,
        record: &Record<'r>,
    ) -> EventIdentity<'r> {
        match handlers.table.name(matched.event()) {
            Some(name) if is_name_only => EventIdentity::named(Some(name.as_bytes())),
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
                    // Boxed, as what has not to wait is to be small.
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
                state.permits.give_back();
                self.tell_retried(&open, &failure, wait);
                self.count_retried(&handlers.table, &open, &failure, state.began);
                state.began = Moment::NEVER;
                let offset = open.first().record.offset();
                let pause = Box::pin(self.pause(wait, offset, open.len())).await;
                tries = tries.next(&failure);
                if pause == Flow::End {
                    return self.leave(open, tries);
                }
                open.begin_attempt(tries.attempt);
                state.began = self.clock().now();
            }
        }
    }

    /// What may end an attempt that waits.
    fn interruptions(&self, rule: &Rule, open: &Open<'_>) -> Interruptions<'_> {
        let under_way = self.control.pulse.wait(rule.at_work(open.first().record.offset()));
        Interruptions::new(self.control.aborted(), rule.time_limit, under_way)
    }

    /// No further attempt is made.
    #[inline]
    fn conclude<R>(
        &self,
        handlers: &Routed<R>,
        handler: usize,
        tries: Tries,
        open: Open<'_>,
        verdict: Verdict,
    ) -> Ended {
        match verdict {
            Verdict::Done => self.all(open, Done::Handled),
            Verdict::Skip => self.all(open, Done::Skipped),
            failed => {
                self.count_failed(&handlers.table, &open, &failed);
                self.conclude_failed(handler, tries, open, failed)
            }
        }
    }

    #[cold]
    fn conclude_failed(&self, handler: usize, tries: Tries, open: Open<'_>, verdict: Verdict) -> Ended {
        match verdict {
            Verdict::Done | Verdict::Skip | Verdict::Retry(..) => unreachable!("it has not failed for good"),
            Verdict::GiveUp(failure) => {
                let context = &open.call_context(None);
                self.tell(&RecordEvent::GivenUp { context, failure: &failure });
                self.all(open, Done::GivenUp)
            }
            Verdict::DeadLetter(topic, failure) => {
                let letter = Letter::new(topic, handler, tries.attempt, failure);
                self.each(open, &letter)
            }
            Verdict::Stop(failure) => {
                self.shared.counts.leave_failed(open.len());
                self.report_stop(open.first(), failure);
                open.unsettled()
            }
            Verdict::Release(failure) => {
                let context = &open.call_context(None);
                self.tell(&RecordEvent::Released { context, failure: &failure });
                self.leave(open, tries)
            }
        }
    }

    /// They stay unsettled, before an attempt that is not made or does not count.
    fn leave<'r>(&self, open: Open<'r>, tries: Tries) -> Ended {
        if tries.attempt > Tries::FIRST.attempt {
            self.shared.counts.leave_failed(open.len());
        }
        open.unsettled()
    }

    /// The same becomes of all of them.
    #[inline]
    fn all(&self, mut open: Open<'_>, done: Done) -> Ended {
        self.report_stop_in(&mut open);
        open.all(done)
    }

    /// They are handled once these events are acknowledged.
    #[inline(never)]
    fn sends(&self, mut open: Open<'_>, mut outgoing: Outgoing, tries: Tries) -> Ended {
        self.report_stop_in(&mut open);
        outgoing.returned_by(tries.attempt);
        open.sends(outgoing)
    }

    /// Each of them is to be a dead letter.
    fn each(&self, mut open: Open<'_>, letter: &Letter) -> Ended {
        self.report_stop_in(&mut open);
        open.letters(letter)
    }

    /// Reports the record of a batch that the lane stops at, now that those in front of it are settled.
    #[inline]
    fn report_stop_in(&self, open: &mut Open<'_>) {
        if let Open::Many(batch) = open
            && let Some((context, failure)) = batch.take_stop()
        {
            self.shared.counts.leave_failed(1);
            self.report_stop(&context, failure);
        }
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

    /// Waits before the next attempt at so many records, of which the first is at `offset`; there is none if the lane ends or continues
    /// elsewhere meanwhile.
    async fn pause(&self, wait: Duration, offset: i64, records: usize) -> Flow {
        let _waiting = self.control.pulse.wait(WaitsFor::Backoff { offset, wait });
        let _backing_off = self.control.backing_off.begin(records, &self.control.look);
        tokio::select! {
            biased;
            () = self.control.left() => Flow::End,
            () = sleep(wait) => Flow::Continue,
        }
    }
}
