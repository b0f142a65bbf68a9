//! What is said of attempts that did not succeed.

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

use std::{sync::Arc, time::Duration};

use super::{Ended, Flow, Open, Worker};
use crate::{
    client::{Fault, ReadAnswer},
    engine::delivery::Unfinished,
    error::{Chain, Inner, RecordError, one_line},
    handle::Context,
    settle::Failure,
    source::PartitionError,
};

impl Worker {
    /// The handler was dropped before it had finished, or has not begun.
    pub(super) fn unfinished(&self, open: Open<'_>) -> Ended {
        let offset = open.first().record.offset();
        match self.terms.unfinished {
            Unfinished::ComesAgain => tracing::warn!(
                consumer = %self.origin.consumer,
                partition = %self.origin,
                offset,
                "a handler did not come to an end in the time it had; its record is not committed"
            ),
            Unfinished::IsLost => tracing::error!(
                consumer = %self.origin.consumer,
                partition = %self.origin,
                offset,
                "a handler did not come to an end in the time it had; its record, and what was committed \
                 with it and not handled yet, is lost"
            ),
        }
        open.unsettled()
    }

    /// librdkafka reports an error of the partition. What it recovers from by itself is logged; everything else ends the
    /// app, because going on could mean to pass over records.
    pub(in crate::engine) fn partition_error(&self, error: &PartitionError) -> Flow {
        match Fault::of(error.code).for_reading() {
            ReadAnswer::End => Flow::Continue,
            ReadAnswer::Passing => {
                tracing::warn!(
                    consumer = %self.origin.consumer,
                    partition = %self.origin,
                    error = %error.code,
                    reason = one_line(&error.reason),
                    "the partition cannot be read at the moment"
                );
                Flow::Continue
            }
            ReadAnswer::Final => {
                self.shared.report(Inner::Partition { origin: self.origin.clone(), error: error.clone() });
                Flow::End
            }
        }
    }

    /// The task of a record ended without saying what became of it.
    pub(in crate::engine) fn lost_task(&self) {
        self.shared.report(Inner::Engine {
            consumer: Arc::clone(&self.shared.consumer),
            message: format!("the task of a record of {} was lost: a destructor panicked", self.origin),
        });
    }

    /// The thread that looks up where lanes begin ended without an answer.
    pub(in crate::engine) fn lost_start(&self) {
        self.shared.report(Inner::Engine {
            consumer: Arc::clone(&self.shared.consumer),
            message: format!("the thread that looks up where {} begins was lost", self.origin),
        });
    }

    pub(super) fn log_retry(&self, open: &Open<'_>, wait: Duration, failure: &Failure) {
        let context = &open.call_context(None);
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
    pub(super) fn log_released(&self, open: &Open<'_>, failure: &Failure) {
        self.log_released_of(&open.call_context(None), failure);
    }

    pub(super) fn log_released_of(&self, context: &Context<'_>, failure: &Failure) {
        log_failure!(
            warn,
            self,
            context,
            failure,
            "a handler was cancelled and did not succeed; its record is not committed and will be handled again"
        );
    }

    pub(super) fn log_given_up(&self, open: &Open<'_>, failure: &Failure) {
        self.log_given_up_of(&open.call_context(None), failure);
    }

    pub(super) fn log_given_up_of(&self, context: &Context<'_>, failure: &Failure) {
        log_failure!(error, self, context, failure, "an event was not handled and is given up");
    }

    pub(super) fn report_stop(&self, context: &Context<'_>, failure: Failure) {
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
pub(super) fn event_name(context: &Context<'_>) -> Option<String> {
    const LIMIT: usize = 200;
    let name = String::from_utf8_lossy(context.event_type?);
    Some(name.chars().take(LIMIT).flat_map(char::escape_debug).collect())
}
