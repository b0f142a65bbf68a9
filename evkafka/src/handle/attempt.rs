use std::time::Duration;

use super::Outcome;
use crate::event::Outgoing;

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How one attempt at a record ended, before a policy has judged it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Attempt {
    /// The function came back with an outcome.
    Returned(Outcome),
    /// The function came back with events. The record is handled once they are sent and acknowledged.
    Sends(Outgoing),
    /// The function returned an error, or was not called because an argument could not be made this time.
    Failed(BoxError),
    /// The function panicked; the panic's message.
    Panicked(String),
    /// The function was not done after this time and was dropped.
    TimedOut(Duration),
    /// The function was not called: the record did not give one of its arguments.
    Undecodable(BoxError),
    /// The function was not called: of the records of a batch, these (by their place in it) did not give one of its arguments.
    UndecodableAmong(Vec<(usize, BoxError)>),
}

/// What a [`Layer`](crate::Layer) ends an attempt in, as a handler does by what it returns.
impl Attempt {
    /// The record was handled.
    pub fn done() -> Self {
        Self::Returned(Outcome::Done)
    }

    /// The record does not concern this service: [`Outcome::Skip`].
    pub fn skip() -> Self {
        Self::Returned(Outcome::Skip)
    }

    /// It failed, and the failure policy decides whether there is another attempt.
    pub fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed(error.into())
    }

    /// No further attempt will help: [`Outcome::Reject`].
    pub fn reject(error: impl Into<BoxError>) -> Self {
        Self::Returned(Outcome::Reject(error.into()))
    }

    /// Not now, but after this time: [`Outcome::RetryAfter`].
    pub fn retry_after(wait: Duration) -> Self {
        Self::Returned(Outcome::RetryAfter(wait))
    }

    /// The record is given back, and comes again: [`Outcome::Release`].
    pub fn release() -> Self {
        Self::Returned(Outcome::Release)
    }

    /// Whether the handler has succeeded. What it has returned is still to be sent then.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Returned(Outcome::Done) | Self::Sends(_))
    }
}
