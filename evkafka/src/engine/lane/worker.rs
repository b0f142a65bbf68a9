//! One record's way: route → decode and handle → settle.

/// Logs that a record was not handled: where it is, which attempt it was, why, and what else is given.
macro_rules! log_failure {
    ($level:ident, $worker:expr, $context:expr, $failure:expr, $($rest:tt)+) => {
        tracing::$level!(
            consumer = %$worker.origin.consumer,
            topic = %$worker.origin.topic,
            partition = $worker.origin.partition,
            offset = $context.record.offset(),
            event = event_name($context).as_deref(),
            attempt = $context.attempt,
            // Of a batch; the offset is that of its first record.
            records = (!$context.batch.is_empty()).then_some($context.batch.len()),
            error = %Chain($failure),
            $($rest)+
        )
    };
}

mod batch;
mod dead_letter;
mod turn;

pub(super) use self::batch::BatchEnd;

use std::{pin::pin, sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::Semaphore;

use super::{Flow, LaneControl};
use crate::{
    config::AutoCommitMode,
    engine::{call::guarded, pipeline::Routed, shared::Shared},
    error::{Chain, Inner, RecordError, one_line},
    handle::Context,
    native::PartitionError,
    record::{Origin, Record},
    route::Routes,
    settle::{Failure, Tries, Verdict},
};

/// What works on a partition's records: shared by the tasks of a lane.
pub(in crate::engine) struct Worker {
    pub(in crate::engine) origin: Origin,
    pub(in crate::engine) shared: Arc<Shared>,
    pub(in crate::engine) control: Arc<LaneControl>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Done {
    Handled,
    /// Nothing matched it, or its handler said that it does not concern this service.
    Skipped,
    GivenUp,
    /// It is a dead letter now, and acknowledged as one.
    DeadLettered,
    /// It is not settled, and the lane is at its end.
    Unsettled,
}

impl Worker {
    /// The handler for a record, and the record's event type.
    #[inline]
    pub(super) fn route<'r, R>(
        &self,
        handlers: &Routed<R>,
        record: &Record<'r>,
    ) -> (Option<usize>, Option<&'r [u8]>) {
        let event_type = self.event_type(record);
        (handlers.table.find(event_type), event_type)
    }

    /// The bytes of a record's event-type header.
    #[inline]
    pub(super) fn event_type<'r>(&self, record: &Record<'r>) -> Option<&'r [u8]> {
        record.headers().get(&self.shared.event_type_header)
    }

    /// Routes a record and handles it, in the lane's own task.
    #[inline]
    pub(in crate::engine) async fn settle<R: Routes>(
        &self,
        handlers: &Routed<R>,
        record: Record<'_>,
    ) -> Done {
        match self.route(handlers, &record) {
            (None, _) => Done::Skipped,
            (Some(handler), event_type) => self.handle(handlers, handler, record, event_type, None).await,
        }
    }

    /// Makes attempts at a record until it is settled, or the lane is at its end. With `permits`, each attempt takes one.
    pub(super) async fn handle<R: Routes>(
        &self,
        handlers: &Routed<R>,
        handler: usize,
        record: Record<'_>,
        event_type: Option<&[u8]>,
        permits: Option<&Semaphore>,
    ) -> Done {
        let rule = &handlers.rules[handler];
        let mut context = self.context(record, event_type);
        let mut tries = Tries::FIRST;
        loop {
            context.attempt = tries.attempt;
            let turn = if rule.is_blocking || permits.is_some() {
                match self.turn(rule, permits, &record).await {
                    Some(turn) => Some(turn),
                    None => return Done::Unsettled,
                }
            } else {
                None
            };
            // A handler that never waits is never dropped: the next one would begin, however late it is.
            if self.control.is_aborted() {
                return self.abandoned(&record);
            }
            let on_thread;
            let called = match turn.as_ref().and_then(|turn| turn.thread.as_ref()) {
                None => &context,
                thread => {
                    on_thread = Context { thread, ..context };
                    &on_thread
                }
            };
            let call = handlers.routes.call(handler, called);
            let Some(attempt) = guarded(call, &self.control.abort, rule.time_limit).await else {
                return self.abandoned(&record);
            };
            drop(turn);
            match rule.judge.judge(tries, attempt, &self.control.cancel, fastrand::f64) {
                Verdict::Done => return Done::Handled,
                Verdict::Skip => return Done::Skipped,
                Verdict::GiveUp(failure) => {
                    self.log_given_up(&context, &failure);
                    return Done::GivenUp;
                }
                Verdict::DeadLetter(topic, failure) => {
                    // Boxed, as it is rare, and large beside what else a record's future holds.
                    let sent = Box::pin(async {
                        let no_time_left = pin!(self.no_time_left());
                        self.send_dead_letter(&context, rule, &topic, &failure, no_time_left).await
                    });
                    return sent.await;
                }
                Verdict::Stop(failure) => {
                    self.report_stop(&context, failure);
                    return Done::Unsettled;
                }
                Verdict::Retry(wait, failure) => {
                    self.log_retry(&context, wait, &failure);
                    if self.pause(wait, 1).await == Flow::End {
                        return Done::Unsettled;
                    }
                    tries = tries.next(&failure);
                }
                Verdict::Release(failure) => {
                    self.log_released(&context, &failure);
                    return Done::Unsettled;
                }
            }
        }
    }

    /// What is known before the first attempt.
    #[inline]
    fn context<'r>(&'r self, record: Record<'r>, event_type: Option<&'r [u8]>) -> Context<'r> {
        Context {
            record,
            event_type,
            states: &self.shared.states,
            cancellation: &self.control.cancel,
            attempt: 0,
            thread: None,
            batch: &[],
        }
    }

    /// Waits before the next attempt at so many records; there is none if the lane is stopped meanwhile.
    async fn pause(&self, wait: Duration, records: usize) -> Flow {
        let _backing_off = self.control.backing_off.begin(records, &self.control.records);
        tokio::select! {
            biased;
            () = self.control.stopped() => Flow::End,
            () = tokio::time::sleep(wait) => Flow::Continue,
        }
    }

    /// The handler was dropped before its end, or has not begun.
    fn abandoned(&self, record: &Record<'_>) -> Done {
        match self.shared.mode {
            AutoCommitMode::PostCommit => tracing::warn!(
                consumer = %self.origin.consumer,
                partition = %self.origin,
                offset = record.offset(),
                "a handler did not come to an end in the time it had; its record is not committed"
            ),
            AutoCommitMode::PreCommit => tracing::error!(
                consumer = %self.origin.consumer,
                partition = %self.origin,
                offset = record.offset(),
                "a handler did not come to an end in the time it had; its record, and what was committed \
                 with it and not handled yet, is lost"
            ),
        }
        Done::Unsettled
    }

    /// librdkafka reports an error of the partition. What it recovers from by itself is logged; everything else ends the
    /// app, because going on could mean to pass over records.
    pub(super) fn partition_error(&self, error: &PartitionError) -> Flow {
        use RDKafkaErrorCode as E;
        match error.code {
            E::PartitionEOF => Flow::Continue,
            E::UnknownTopicOrPartition
            | E::UnknownTopic
            | E::UnknownPartition
            | E::LeaderNotAvailable
            | E::NotLeaderForPartition
            | E::ReplicaNotAvailable
            | E::BrokerTransportFailure
            | E::AllBrokersDown
            | E::OperationTimedOut
            | E::RequestTimedOut
            // The broker has no name for it, or librdkafka none for what the broker says; it is asked again.
            | E::Unknown => {
                tracing::warn!(
                    consumer = %self.origin.consumer,
                    partition = %self.origin,
                    error = %error.code,
                    reason = one_line(&error.reason),
                    "the partition cannot be read at the moment"
                );
                Flow::Continue
            }
            _ => {
                self.shared.report(Inner::Partition { origin: self.origin.clone(), error: error.clone() });
                Flow::End
            }
        }
    }

    /// The task of a record ended without saying what became of it.
    pub(super) fn lost_task(&self) {
        self.shared.report(Inner::Engine {
            consumer: Arc::clone(&self.shared.consumer),
            message: format!("the task of a record of {} was lost: a destructor panicked", self.origin),
        });
    }

    /// The thread that looks up where lanes begin ended without an answer.
    pub(super) fn lost_start(&self) {
        self.shared.report(Inner::Engine {
            consumer: Arc::clone(&self.shared.consumer),
            message: format!("the thread that looks up where {} begins was lost", self.origin),
        });
    }

    fn log_retry(&self, context: &Context<'_>, wait: Duration, failure: &Failure) {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        log_failure!(
            warn,
            self,
            context,
            failure,
            wait_ms,
            "an event was not handled and will be tried again"
        );
    }

    /// Nothing is wrong with the record, as far as anybody knows: it is handled again by whoever owns the partition next.
    fn log_released(&self, context: &Context<'_>, failure: &Failure) {
        log_failure!(
            warn,
            self,
            context,
            failure,
            "a handler was cancelled and did not succeed; its record is not committed and will be handled again"
        );
    }

    fn log_given_up(&self, context: &Context<'_>, failure: &Failure) {
        log_failure!(error, self, context, failure, "an event was not handled and is given up");
    }

    fn report_stop(&self, context: &Context<'_>, failure: Failure) {
        self.shared.report(Inner::Record(RecordError {
            origin: self.origin.clone(),
            offset: context.record.offset(),
            event: event_name(context),
            attempts: context.attempt,
            failure,
        }));
    }
}

/// The event type for people: bytes that are not UTF-8 are replaced, control characters escaped, and what is too long for
/// a log line is cut.
fn event_name(context: &Context<'_>) -> Option<String> {
    const LIMIT: usize = 200;
    let name = String::from_utf8_lossy(context.event_type?);
    Some(name.chars().take(LIMIT).flat_map(char::escape_debug).collect())
}
