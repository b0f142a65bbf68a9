//! Records leave the lane whose handlers have returned events.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    Phase,
    exit::Standing,
    run::Run,
    sendings::{Arrival, Sent},
};
use crate::{
    engine::{
        attempt::{Done, Letter, Worker},
        observe::RecordEvent,
        schedule::Job,
    },
    event::Outgoing,
    handle::Context,
    route::Routes,
    send::{RecordForm, SendError},
    settle::Verdict,
};

impl<R: Routes> Run<R> {
    /// Sends the events that were returned for these records. What is handled later sends its own behind them.
    pub(super) fn send_returned(&mut self, job: Job, outgoing: Outgoing, begun: Option<Instant>) {
        let worker = &self.tools.worker;
        let forwarded = |job: &Job, form: &RecordForm| match job {
            Job::One(held) => form.forwarded(held.message.record(&worker.origin).headers()),
            // They come from many traces.
            Job::Many { .. } => Vec::new(),
        };
        self.sendings.send(Sent { job, attempts: outgoing.attempt(), begun }, outgoing, forwarded);
    }

    /// Lets out the records whose events have arrived, or will not.
    pub(super) fn exit_all_that_arrived(&mut self) {
        while let Some(arrival) = self.sendings.next() {
            match arrival {
                Arrival::Acknowledged(sent) => self.settle_sent(sent, Done::Handled),
                Arrival::Refused(sent, error) => self.exit_refused(sent, error),
            }
        }
        // Handlers have no more time either.
        if !self.sendings.is_empty() && self.control().phase() >= Phase::Cancelled {
            for sent in self.sendings.abandon() {
                self.with_context(&sent, |worker, context| worker.tell_unsent(context));
                self.leave_sent(sent);
            }
        }
    }

    fn settle_sent(&mut self, Sent { job, begun, .. }: Sent, done: Done) {
        let mut settle = |held| self.settle_held(held, done, Standing::Open, begun);
        match job {
            Job::One(held) => settle(held),
            Job::Many { records, .. } => records.into_iter().for_each(settle),
        }
    }

    /// One of the events is refused, and would be again.
    fn exit_refused(&mut self, sent: Sent, error: SendError) {
        let (handler, attempts) = (sent.job.handler(), sent.attempts);
        let tools = Arc::clone(&self.tools);
        let judge = &tools.handlers.rules[handler].judge;
        let verdict = judge.judge_unsent(error, tools.worker.control.cancelled());
        if !matches!(verdict, Verdict::Release(_)) {
            let events = sent.job.records().iter().map(|held| held.matched.event());
            events.for_each(|event| tools.worker.count_unsent(&tools.handlers.table, event, 1));
        }
        match verdict {
            Verdict::GiveUp(failure) => {
                self.with_context(&sent, |worker, context| {
                    worker.tell(&RecordEvent::GivenUp { context, failure: &failure });
                });
                self.settle_sent(sent, Done::GivenUp);
            }
            Verdict::DeadLetter(topic, failure) => {
                let letter = Letter::new(topic, handler, attempts, failure);
                let begun = sent.begun;
                for held in sent.job.into_records() {
                    self.send_letter(held, letter.clone(), begun);
                }
            }
            Verdict::Stop(failure) => {
                self.with_context(&sent, |worker, context| worker.report_stop(context, failure));
                self.leave_sent(sent);
            }
            Verdict::Release(failure) => {
                self.with_context(&sent, |worker, context| {
                    worker.tell(&RecordEvent::Released { context, failure: &failure });
                });
                self.leave_sent(sent);
            }
            Verdict::Done | Verdict::Skip | Verdict::Retry(..) => {
                unreachable!("a refusal is no success, and the handler is not called again")
            }
        }
    }

    fn leave_sent(&mut self, sent: Sent) {
        for held in sent.job.into_records() {
            self.leave_unsettled(held.slot.offset);
        }
    }

    /// With what the call was made with.
    fn with_context(&self, sent: &Sent, with: impl FnOnce(&Worker, &Context<'_>)) {
        let worker = &*self.tools.worker;
        if let Some(held) = sent.job.first() {
            let record = held.message.record(&worker.origin);
            let event = worker.opened(&record);
            let context = worker.context(record, &event);
            with(worker, &Context { attempt: sent.attempts, ..context });
        }
    }
}
