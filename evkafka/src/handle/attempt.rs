use std::time::Duration;

use super::Outcome;
use crate::event::Outgoing;

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How one attempt at a record ended, before a policy has judged it.
#[derive(Debug)]
pub enum Attempt {
    /// The function came back with an outcome.
    Returned(Outcome),
    /// The function came back with events. The record is handled once they are sent and acknowledged.
    Sends(Outgoing),
    /// The function returned an error.
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
