//! One call for many records: decode and handle → settle.

use std::pin::pin;

use tokio::sync::Semaphore;

use super::{Done, Flow, Worker};
use crate::{
    engine::{
        call::guarded,
        pipeline::{Routed, Rule},
        shared::LocalCounts,
    },
    handle::{Attempt, BoxError, Context},
    record::Record,
    route::Routes,
    settle::{Failure, Tries, Verdict},
};

/// What became of a batch.
#[derive(Debug, Default)]
pub(in crate::engine::lane) struct BatchEnd {
    /// So many of its records, from the first on, are settled. The lane is at its end if that is not all of them.
    pub(in crate::engine::lane) settled: usize,
    pub(in crate::engine::lane) counts: LocalCounts,
}

/// The records of a batch that are not settled yet.
struct Open<'r> {
    contexts: Vec<Context<'r>>,
    /// Their places in the batch.
    places: Vec<usize>,
    /// The record that no further attempt is made at, and before which the lane stops.
    stop: Option<(usize, Context<'r>, Failure)>,
}

impl Worker {
    /// Makes attempts at a batch until all of it is settled, or the lane is at its end. With `permits`, each attempt takes one.
    ///
    /// Records that cannot be decoded do not spoil the batch: they take the failure policy's last step by themselves, and the
    /// others are handled.
    pub(in crate::engine::lane) async fn handle_batch<R: Routes>(
        &self,
        handlers: &Routed<R>,
        handler: usize,
        records: impl Iterator<Item = Record<'_>>,
        permits: Option<&Semaphore>,
    ) -> BatchEnd {
        let rule = &handlers.rules[handler];
        let contexts: Vec<_> = records.map(|record| self.context(record, self.event_type(&record))).collect();
        let all = contexts.len();
        let mut open = Open { places: (0..all).collect(), contexts, stop: None };
        let mut end = BatchEnd::default();
        let mut tries = Tries::FIRST;
        while !open.contexts.is_empty() {
            open.contexts.iter_mut().for_each(|context| context.attempt = tries.attempt);
            let Some(turn) = self.turn(rule, permits, &open.contexts[0].record).await else { return end };
            let context = Context { batch: &open.contexts, ..open.contexts[0] };
            if self.control.is_aborted() {
                self.abandoned(&context.record);
                return end;
            }
            let called = Context { thread: turn.thread.as_ref(), ..context };
            let call = handlers.routes.call(handler, &called);
            let Some(result) = guarded(call, &self.control.abort, rule.time_limit).await else {
                self.abandoned(&context.record);
                return end;
            };
            drop(turn);
            let result = match result {
                Attempt::UndecodableAmong(faults) => {
                    if self.take_out(rule, tries, &mut open, faults, &mut end.counts).await == Flow::End {
                        return end;
                    }
                    // The handler was not called, so this was no attempt at the others.
                    continue;
                }
                result => result,
            };
            let records = open.contexts.len();
            match rule.judge.judge(tries, result, &self.control.cancel, fastrand::f64) {
                Verdict::Done => end.counts.add_many(Done::Handled, records),
                Verdict::Skip => end.counts.add_many(Done::Skipped, records),
                Verdict::GiveUp(failure) => {
                    self.log_given_up(&context, &failure);
                    end.counts.add_many(Done::GivenUp, records);
                }
                Verdict::DeadLetter(topic, failure) => {
                    // One for all of them: a shutdown does not wait for each.
                    let mut no_time_left = pin!(self.no_time_left());
                    for context in &open.contexts {
                        let no_time_left = no_time_left.as_mut();
                        let done = self.send_dead_letter(context, rule, &topic, &failure, no_time_left).await;
                        if done == Done::Unsettled {
                            return end;
                        }
                        end.counts.add(done);
                    }
                }
                Verdict::Stop(failure) => {
                    self.report_stop(&context, failure);
                    return end;
                }
                Verdict::Release(failure) => {
                    self.log_released(&context, &failure);
                    return end;
                }
                Verdict::Retry(wait, failure) => {
                    self.log_retry(&context, wait, &failure);
                    if self.pause(wait, records).await == Flow::End {
                        return end;
                    }
                    tries = tries.next(&failure);
                    continue;
                }
            }
            break;
        }
        end.settled = all;
        if let Some((place, context, failure)) = open.stop {
            end.settled = place;
            self.report_stop(&context, failure);
        }
        end
    }

    /// Has each record that cannot be decoded take the last step, and takes it out of the batch. If that is to stop, the
    /// batch ends before it.
    async fn take_out<'r>(
        &self,
        rule: &Rule,
        tries: Tries,
        open: &mut Open<'r>,
        faults: Vec<(usize, BoxError)>,
        counts: &mut LocalCounts,
    ) -> Flow {
        let mut taken = Vec::with_capacity(faults.len());
        let mut no_time_left = pin!(self.no_time_left());
        for (index, cause) in faults {
            let context = open.contexts[index];
            let result = Attempt::Undecodable(cause);
            match rule.judge.judge(tries, result, &self.control.cancel, fastrand::f64) {
                Verdict::DeadLetter(topic, failure) => {
                    let no_time_left = no_time_left.as_mut();
                    let done = self.send_dead_letter(&context, rule, &topic, &failure, no_time_left).await;
                    if done == Done::Unsettled {
                        return Flow::End;
                    }
                    counts.add(done);
                }
                Verdict::Stop(failure) => {
                    open.stop = Some((open.places[index], context, failure));
                    open.contexts.truncate(index);
                    open.places.truncate(index);
                    break;
                }
                Verdict::GiveUp(failure) => {
                    self.log_given_up(&context, &failure);
                    counts.add(Done::GivenUp);
                }
                Verdict::Release(failure) => {
                    self.log_released(&context, &failure);
                    return Flow::End;
                }
                Verdict::Done | Verdict::Skip | Verdict::Retry(..) => {
                    unreachable!("what cannot be decoded is not handled, and not tried again")
                }
            }
            taken.push(index);
        }
        for index in taken.into_iter().rev() {
            open.contexts.remove(index);
            open.places.remove(index);
        }
        Flow::Continue
    }
}
