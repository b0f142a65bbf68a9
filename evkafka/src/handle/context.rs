use std::fmt;

use tokio_util::sync;

use super::{ReservedThread, States};
use crate::{
    CancellationToken,
    decode::{Absent, DecodeError},
    event_type::EventIdentity,
    record::Record,
    shown::{Hidden, shown},
};

/// How many characters of an event type are shown.
pub(crate) const EVENT_LIMIT: usize = 200;

/// All that is known when a handler is called: what extractors draw from.
#[derive(Clone, Copy)]
pub struct Context<'r> {
    pub(crate) record: Record<'r>,
    pub(crate) event: &'r EventIdentity<'r>,
    /// What handlers decode.
    pub(crate) payload: Option<&'r [u8]>,
    pub(crate) states: &'r States,
    pub(crate) cancellation: &'r sync::CancellationToken,
    pub(crate) attempt: u32,
    /// For a plain function: where it runs.
    pub(crate) thread: Option<&'r ReservedThread>,
    /// For a batch handler the contexts of all records, of which this is the first's; otherwise empty.
    pub(crate) batch: &'r [Context<'r>],
}

impl<'r> Context<'r> {
    /// The record, as it was read.
    pub fn record(&self) -> &Record<'r> {
        &self.record
    }

    /// The bytes of the event type, as the consumer's [`event_type`](crate::ConsumerConfig::event_type) found it and
    /// [`event_names`](crate::ConsumerConfig::event_names) translated it; `None` if the record has none (only a fallback handler sees that).
    pub fn event_type(&self) -> Option<&'r [u8]> {
        self.event.name()
    }

    /// The version of the event, if the consumer's [`event_version`](crate::ConsumerConfig::event_version) found one.
    pub fn event_version(&self) -> Option<u32> {
        self.event.version()
    }

    /// The bytes of the payload, which handlers decode: all of the record's, or what is in its envelope (CloudEvents, MassTransit). `None`
    /// if there is none.
    ///
    /// # Errors
    /// If the envelope is malformed.
    pub fn payload(&self) -> Result<Option<&'r [u8]>, DecodeError> {
        if self.payload.is_none() {
            self.absent().check::<&[u8]>()?;
        }
        Ok(self.payload)
    }

    /// Why there is no payload.
    #[cold]
    pub(crate) fn absent(&self) -> Absent<'r> {
        self.event.absent()
    }

    /// The event type for people, as [`shown`] has it.
    pub(crate) fn event_name(&self) -> Option<String> {
        Some(shown(self.event_type()?, EVENT_LIMIT))
    }

    /// The app's state of type `T`, if it has one. An extractor that needs it says so in
    /// [`FromContext::requires`](super::FromContext::requires), so that the app is refused at its start.
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&'r T> {
        self.states.get()
    }

    /// Cancelled when the handler has to finish: its partition was revoked, or the app's time to shut down is nearly over.
    ///
    /// Post-commit, a record whose handler ends after that in anything but success is not settled, whatever the failure policy
    /// says: no skip, no dead letter, no stop. It is handled again by whoever owns the partition next. A handler that notices its
    /// cancellation returns an error, or [`Outcome::Release`](super::Outcome::Release).
    ///
    /// Each call gives a token of its own: a handler that cancels it, to end its own tasks with it, cancels no other handler.
    pub fn cancellation(&self) -> CancellationToken {
        CancellationToken::of(self.cancellation.child_token())
    }

    /// Which attempt at this record it is: 1 for the first.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

/// Without values: a payload may be personal data.
impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("record", &self.record)
            .field("event", &self.event)
            .field("payload", &Hidden(self.payload))
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
