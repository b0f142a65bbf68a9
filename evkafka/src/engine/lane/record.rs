//! One record's way: route → decode and handle → settle.

use super::Lane;
use crate::{
    engine::{call::guarded, pipeline::Routed, shared::LocalCounts},
    error::{Chain, Inner, RecordError},
    handle::Context,
    record::Record,
    route::Routes,
    settle::{Failure, Verdict},
};

/// Where a lane stands after a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The record is behind it.
    Settled,
    /// The record is not settled, and the lane is at its end.
    Unsettled,
}

impl Lane {
    #[inline]
    pub(super) async fn settle<R: Routes>(
        &self,
        handlers: &Routed<R>,
        record: Record<'_>,
        counts: &mut LocalCounts,
    ) -> Position {
        let event_type = record.headers().get(&self.shared.event_type_header);
        let Some(handler) = handlers.table.find(event_type) else {
            counts.skipped += 1;
            return Position::Settled;
        };
        self.handle_until_settled(&handlers.routes, handler, record, event_type, counts).await
    }

    async fn handle_until_settled<R: Routes>(
        &self,
        routes: &R,
        handler: usize,
        record: Record<'_>,
        event_type: Option<&[u8]>,
        counts: &mut LocalCounts,
    ) -> Position {
        let mut context = Context {
            record,
            event_type,
            states: &self.shared.states,
            cancellation: &self.control.cancel,
            attempt: 0,
        };
        loop {
            context.attempt = context.attempt.saturating_add(1);
            let Some(attempt) = guarded(routes.call(handler, &context), &self.control.abort).await else {
                return Position::Unsettled;
            };
            match self.shared.judge.judge(context.attempt, attempt, fastrand::f64()) {
                Verdict::Done => {
                    counts.handled += 1;
                    return Position::Settled;
                }
                Verdict::Skip => {
                    counts.skipped += 1;
                    return Position::Settled;
                }
                Verdict::GiveUp(failure) => {
                    counts.given_up += 1;
                    self.log_given_up(&context, &failure);
                    return Position::Settled;
                }
                Verdict::Stop(failure) => {
                    self.report_stop(&context, failure);
                    return Position::Unsettled;
                }
                Verdict::Retry(wait, failure) => {
                    self.log_retry(&context, wait, &failure);
                    tokio::select! {
                        biased;
                        () = self.control.stopped() => return Position::Unsettled,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    fn log_retry(&self, context: &Context<'_>, wait: std::time::Duration, failure: &Failure) {
        tracing::warn!(
            consumer = %self.origin.consumer,
            topic = %self.origin.topic,
            partition = self.origin.partition,
            offset = context.record.offset(),
            event = event_name(context).as_deref(),
            attempt = context.attempt,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            error = %Chain(failure),
            "an event was not handled and will be tried again"
        );
    }

    fn log_given_up(&self, context: &Context<'_>, failure: &Failure) {
        tracing::error!(
            consumer = %self.origin.consumer,
            topic = %self.origin.topic,
            partition = self.origin.partition,
            offset = context.record.offset(),
            event = event_name(context).as_deref(),
            attempt = context.attempt,
            error = %Chain(failure),
            "an event was not handled and is given up"
        );
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
