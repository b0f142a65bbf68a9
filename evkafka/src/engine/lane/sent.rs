//! The events of one call.

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use crate::{
    engine::schedule::Job,
    event::Outgoing,
    send::{Again, Extras, SendError},
    traces::SendSpans,
};

/// The events that one call has returned.
pub(super) struct Sending {
    pub(super) of: Sent,
    pub(super) outgoing: Outgoing,
    pub(super) extras: Extras,
    pub(super) spans: SendSpans,
    pub(super) unacknowledged: usize,
    /// How those were sent so far that were not acknowledged at once, by their places.
    pub(super) again: FxHashMap<u32, Again>,
}

/// What the events were returned for.
pub(super) struct Sent {
    pub(super) job: Job,
    /// The number of the attempt that returned them.
    pub(super) attempts: u32,
    /// When the first attempt began, if anybody wants to know.
    pub(super) begun: Option<Instant>,
}

/// What became of the events of one call.
pub(super) enum Arrival {
    /// All are acknowledged.
    Acknowledged(Sent),
    /// One of them is refused for good.
    Refused(Sent, SendError),
}

impl Sending {
    /// Of so many events.
    pub(super) fn new(
        of: Sent,
        outgoing: Outgoing,
        extras: Extras,
        spans: SendSpans,
        unacknowledged: usize,
    ) -> Self {
        Self { of, outgoing, extras, spans, unacknowledged, again: FxHashMap::default() }
    }

    /// What the events and the records they are of take up. Records are often the larger.
    pub(super) fn bytes(&self) -> u64 {
        self.outgoing.bytes() as u64 + self.of.job.bytes()
    }
}
