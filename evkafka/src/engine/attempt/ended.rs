//! What becomes of records at which no further attempt is made.

use super::Letter;
use crate::event::Outgoing;

/// How a record was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Handled,
    /// Nothing matched it, or its handler said that it does not concern this service.
    Skipped,
    GivenUp,
    /// It was sent to the dead-letter topic, and acknowledged.
    DeadLettered,
}

impl Done {
    /// In the order of their numbers.
    pub(in crate::engine) const ALL: [Self; 4] =
        [Self::Handled, Self::Skipped, Self::GivenUp, Self::DeadLettered];
}

/// What becomes of a record at which no further attempt is made.
#[derive(Debug)]
pub(in crate::engine) enum Fate {
    Settled(Done),
    /// It is settled once this is acknowledged.
    Letter(Letter),
    /// It is settled once these are acknowledged.
    Sends(Outgoing),
}

/// What becomes of a record of a batch whose handler has returned events.
#[derive(Debug)]
pub(in crate::engine) enum Share {
    /// It is settled once the events are acknowledged.
    OfCall,
    /// It had left the batch before. `None` is unsettled.
    Left(Option<Fate>),
}

/// How the attempts at the records of one call ended. No larger than it has to be, as it is moved for each record.
#[derive(Debug)]
pub(in crate::engine) enum Ended {
    /// The same became of all of them.
    All(Done),
    /// What became of each, in their order; `None` is unsettled.
    Each(Box<[Option<Fate>]>),
    /// All of them are settled once these events are acknowledged.
    Sends(Outgoing),
    /// The same of some of them, in their order.
    SendsOfSome(Box<(Outgoing, Vec<Share>)>),
}

impl Ended {
    /// What became of the only record of a call.
    #[inline]
    pub(in crate::engine) fn of_one(self) -> Option<Fate> {
        match self {
            Self::All(done) => Some(Fate::Settled(done)),
            Self::Each(fates) => fates.into_iter().next().flatten(),
            Self::Sends(outgoing) => Some(Fate::Sends(outgoing)),
            Self::SendsOfSome(of_some) => Some(Fate::Sends(of_some.0)),
        }
    }
}
