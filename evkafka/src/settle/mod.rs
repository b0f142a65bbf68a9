//! What becomes of a record after an attempt at it: settled, tried again, or the end.
//!
//! Nothing in here knows of Kafka's client: it is plain logic over outcomes, policies and offsets.

mod backoff;
mod dead_letter;
mod failure;
mod judge;
mod pace;
mod policy;
mod progress;
mod tracker;

pub use self::{
    backoff::Backoff,
    dead_letter::DEAD_LETTER_PREFIX,
    failure::{Failure, FailureKind},
    policy::{FailurePolicy, LastStep},
};
pub(crate) use self::{
    dead_letter::{Obituary, OwnedHeader, headers as dead_letter_headers},
    judge::{Judge, Verdict},
    pace::Pace,
    progress::Progress,
    tracker::{OffsetTracker, Ticket},
};
