use std::time::Duration;

use crate::{
    engine::{delivery::Unfinished, observe::RecordEvent},
    error::Chain,
    record::Origin,
    shown::shown,
};

/// How many characters of a type are shown that no handler takes.
const UNMATCHED_LIMIT: usize = 100;

/// Logs what happened to a record: where it is, and what else is given.
macro_rules! line {
    ($level:ident, $origin:expr, $offset:expr, $($rest:tt)+) => {
        tracing::$level!(
            target: "evkafka::record",
            consumer = %$origin.consumer,
            topic = %$origin.topic,
            partition = $origin.partition,
            offset = $offset,
            $($rest)+
        )
    };
}

/// Logs what became of an attempt: where the record is, which attempt it was, why, and what else is given.
macro_rules! failed {
    ($level:ident, $origin:expr, $context:expr, $failure:expr, $($rest:tt)+) => {
        line!(
            $level,
            $origin,
            $context.record.offset(),
            event = $context.event_name().as_deref(),
            attempt = $context.attempt,
            // Of a batch; the offset is that of its first record.
            records = (!$context.batch.is_empty()).then_some($context.batch.len()),
            error = %Chain($failure),
            $($rest)+
        )
    };
}

pub(super) fn log(origin: &Origin, event: &RecordEvent<'_>) {
    match *event {
        // The error that ends the app says it.
        RecordEvent::Stopped { .. } => {}
        RecordEvent::Received { .. }
        | RecordEvent::SettledBefore { .. }
        | RecordEvent::Begun { .. }
        | RecordEvent::Settled { .. }
        | RecordEvent::Unsettled { .. } => {}
        RecordEvent::Unmatched { offset, event_type, nearest } => {
            unmatched(origin, offset, event_type, nearest)
        }
        RecordEvent::Unprepared { offset, attempt, error, wait } => line!(warn, origin, offset, attempt,
            error = %Chain(error),
            wait_ms = millis(wait),
            "what is needed to decode an event is not available; trying again"
        ),
        RecordEvent::Retried { context, failure, wait } => failed!(
            warn,
            origin,
            context,
            failure,
            wait_ms = millis(wait),
            "an event was not handled and will be tried again"
        ),
        RecordEvent::GivenUp { context, failure } => {
            failed!(error, origin, context, failure, "event skipped after its last attempt");
        }
        RecordEvent::Released { context, failure } => failed!(
            warn,
            origin,
            context,
            failure,
            "a handler was cancelled and did not succeed; its record is not committed and will be handled again"
        ),
        RecordEvent::LetterSent { .. }
        | RecordEvent::LetterRefused { .. }
        | RecordEvent::LetterUnsent { .. } => {
            log_letter(origin, event);
        }
        RecordEvent::Unfinished { context, becomes } => unfinished(origin, context.record.offset(), becomes),
        RecordEvent::EventsUnsent { context, becomes } => {
            unsent(origin, context.record.offset(), becomes);
        }
        RecordEvent::WaitsForThread { offset, waited, limit } => line!(
            warn,
            origin,
            offset,
            waited_ms = millis(waited),
            limit,
            "all threads for plain functions are busy, and records wait for one"
        ),
    }
}

fn log_letter(origin: &Origin, event: &RecordEvent<'_>) {
    match *event {
        RecordEvent::LetterSent { context, topic, failure } => failed!(
            error,
            origin,
            context,
            failure,
            dead_letter_topic = topic,
            "event sent to the dead-letter topic after its last attempt"
        ),
        RecordEvent::LetterRefused { context, topic, failure, .. } => failed!(
            error,
            origin,
            context,
            failure,
            dead_letter_topic = %topic,
            "event cannot be sent to the dead-letter topic"
        ),
        RecordEvent::LetterUnsent { context, topic, failure } => failed!(
            warn,
            origin,
            context,
            failure,
            dead_letter_topic = topic,
            "the partition is given back before a dead letter was acknowledged; its record is not committed and will be \
             handled again"
        ),
        _ => {}
    }
}

fn unmatched(origin: &Origin, offset: i64, event_type: &[u8], nearest: Option<&'static str>) {
    let event = &*shown(event_type, UNMATCHED_LIMIT);
    match nearest {
        Some(nearest) => line!(
            warn,
            origin,
            offset,
            event,
            nearest,
            "no handler takes this event type, which is close to one that has a handler; its records are skipped"
        ),
        None => {
            line!(info, origin, offset, event, "no handler takes this event type; its records are skipped")
        }
    }
}

fn unfinished(origin: &Origin, offset: i64, becomes: Unfinished) {
    match becomes {
        Unfinished::ComesAgain => line!(
            warn,
            origin,
            offset,
            "a handler did not finish in the time it had; its record is not committed"
        ),
        Unfinished::IsLost => line!(
            error,
            origin,
            offset,
            "a handler did not finish in the time it had; its record, and what was committed \
             with it and not handled yet, is lost"
        ),
    }
}

fn unsent(origin: &Origin, offset: i64, becomes: Unfinished) {
    match becomes {
        Unfinished::ComesAgain => line!(
            warn,
            origin,
            offset,
            "the events that a handler returned were not acknowledged in the time there was; its record is not committed and will \
             be handled again"
        ),
        Unfinished::IsLost => line!(
            error,
            origin,
            offset,
            "the events that a handler returned were not acknowledged in the time there was, and may be lost"
        ),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
