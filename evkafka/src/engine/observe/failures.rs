use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use super::RecordEvent;
use crate::{error::Chain, handle::Context, record::Origin, settle::Failure, shown::shown};

/// How many are kept of each consumer.
const MOST: usize = 16;
/// How many characters of an error are kept.
const LONGEST: usize = 500;

/// The last attempts of a consumer that failed.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<VecDeque<FailureNote>>);

/// An attempt that failed. Of the record there is nothing but its place and its type.
#[derive(Clone, Debug)]
pub(crate) struct FailureNote {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) event: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) error: String,
    pub(crate) became: Became,
    pub(crate) at: SystemTime,
}

/// What becomes of a record after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    Retried,
    Skipped,
    DeadLettered,
    /// It ends the app.
    Stopped,
}

impl Failures {
    /// Keeps what has failed, if something has.
    pub(super) fn hear(&self, origin: &Origin, event: &RecordEvent<'_>) {
        let (context, failure, became) = match *event {
            RecordEvent::Retried { context, failure, .. } => (context, failure, Became::Retried),
            RecordEvent::GivenUp { context, failure } => (context, failure, Became::Skipped),
            RecordEvent::LetterSent { context, failure, .. } => (context, failure, Became::DeadLettered),
            RecordEvent::Stopped { context, failure }
            | RecordEvent::LetterRefused { context, failure, .. } => (context, failure, Became::Stopped),
            _ => return,
        };
        let note = FailureNote::of(origin, context, failure, became);
        let mut notes = self.notes();
        if notes.len() == MOST {
            notes.pop_front();
        }
        notes.push_back(note);
    }

    /// The oldest first.
    pub(super) fn all(&self) -> Vec<FailureNote> {
        self.notes().iter().cloned().collect()
    }

    fn notes(&self) -> MutexGuard<'_, VecDeque<FailureNote>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FailureNote {
    fn of(origin: &Origin, context: &Context<'_>, failure: &Failure, became: Became) -> Self {
        Self {
            topic: Arc::clone(&origin.topic),
            partition: origin.partition,
            offset: context.record.offset(),
            event: context.event_name(),
            attempt: context.attempt,
            error: shown(Chain(failure).to_string().as_bytes(), LONGEST),
            became,
            at: SystemTime::now(),
        }
    }
}
