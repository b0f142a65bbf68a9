use std::{error::Error as StdError, time::Duration};

use crate::{
    engine::{attempt::Done, delivery::Unfinished},
    error::DeadLetterFault,
    handle::Context,
    record::Record,
    settle::Failure,
};

/// What happens to a record, or to the records of one call.
///
/// Of a batch, `context` is that of its first record, and knows the others.
#[cfg_attr(not(test), expect(dead_code, reason = "there is more in it than the log says"))]
pub(crate) enum RecordEvent<'a> {
    /// It was taken from its partition. Told only if all is [watched](super::Observers::watch_all).
    Received {
        record: Record<'a>,
        event_type: Option<&'a [u8]>,
        /// The index of the handler that it is for; `None` if nothing matches it.
        handler: Option<usize>,
    },
    /// An earlier owner has settled it. Told only if all is watched.
    SettledBefore { offset: i64 },
    /// No handler takes its type. Told once for each type of a consumer, and of so many types only.
    Unmatched {
        offset: i64,
        event_type: &'a [u8],
        /// The event that was probably meant.
        nearest: Option<&'static str>,
    },
    /// What is needed to decode it cannot be had, and is asked for again after `wait`.
    Unprepared { offset: i64, attempt: u32, error: &'a (dyn StdError + 'static), wait: Duration },
    /// An attempt begins: the handler is about to be called. Told only if all is watched.
    Begun { context: &'a Context<'a> },
    /// It waits for a thread, for long.
    WaitsForThread { offset: i64, waited: Duration, limit: usize },
    /// An attempt failed, and after `wait` another follows.
    Retried { context: &'a Context<'a>, failure: &'a Failure, wait: Duration },
    /// No further attempt is made.
    GivenUp { context: &'a Context<'a>, failure: &'a Failure },
    /// No further attempt is made, and the app ends.
    Stopped { context: &'a Context<'a>, failure: &'a Failure },
    /// The handler was cancelled and did not succeed, which counts as no attempt.
    Released { context: &'a Context<'a>, failure: &'a Failure },
    /// The handler was dropped, or not called, because time was up.
    Unfinished { context: &'a Context<'a>, becomes: Unfinished },
    /// Its dead letter was acknowledged.
    LetterSent { context: &'a Context<'a>, topic: &'a str, failure: &'a Failure },
    /// It cannot be a dead letter, and the app ends.
    LetterRefused {
        context: &'a Context<'a>,
        topic: &'a str,
        failure: &'a Failure,
        fault: &'a DeadLetterFault,
    },
    /// The lane had to end before its dead letter was acknowledged.
    LetterUnsent { context: &'a Context<'a>, topic: &'a str, failure: &'a Failure },
    /// The lane had to end before the events that its handler returned were acknowledged.
    EventsUnsent { context: &'a Context<'a>, becomes: Unfinished },
    /// It is settled, so that its offset may be committed. Told only if all is watched.
    Settled {
        offset: i64,
        /// The index of its handler; `None` if nothing matched it.
        handler: Option<usize>,
        how: Done,
        /// Since its first attempt [began](Self::Begun), backoffs and the acknowledgement of a dead letter included; `None` if
        /// nothing matched it.
        after: Option<Duration>,
    },
    /// It leaves the lane without being settled. Told only if all is watched.
    Unsettled { offset: i64 },
}
