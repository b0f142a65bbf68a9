//! What becomes of a record after an attempt at it: settled, tried again, or the end.
//!
//! Nothing in here knows of Kafka's client: it is plain logic over outcomes, policies and offsets.

mod ahead;
mod backoff;
mod dead_letter;
mod dead_letter_path;
mod error_chain;
mod failure;
mod judge;
mod metadata_limit;
#[cfg(all(test, evkafka_loom))]
mod models;
mod pace;
mod persisted;
mod policy;
mod progress;
mod sequence;
mod tracker;

pub(crate) use self::{
    ahead::{Found, SettledAhead},
    dead_letter::{Headers as DeadLetterHeaders, Obituary},
    dead_letter_path::DeadLetterPath,
    judge::{Judge, Tries, Verdict},
    metadata_limit::MetadataLimit,
    pace::Pace,
    persisted::{Persisted, SharedTracker},
    progress::{Commit, Progress},
    sequence::{Course, Sequence},
    tracker::OffsetTracker,
};
pub use self::{
    backoff::Backoff,
    dead_letter::DEAD_LETTER_PREFIX,
    error_chain::ErrorChain,
    failure::{Failure, FailureKind},
    policy::{FailurePolicy, LastStep},
};
