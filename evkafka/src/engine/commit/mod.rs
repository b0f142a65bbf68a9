//! Tells the broker how far the lanes have come.
//!
//! - [`Exchange`]: the one protocol by which a commit is sent and answered. It is the assignment that says what there is to commit,
//!   and that hears the answer; the exchange sends, waits, and notices that the member was evicted.
//! - [`Committer`]: the task that commits at an interval, and when lanes [ask](CommitRequests) for it.
//! - [`LastCommit`]: what the member's thread commits when it leaves; a revocation commits by an exchange of its own.
//! - [`CommitTarget`]: who takes them, Kafka or a group in memory.
//! - `refused_topics`: how topics whose commits are refused are told apart from the others, for both.
//!
//! Imports the assignment, and nothing of members. Lanes know of [`CommitRequests`] only.

mod committer;
mod exchange;
mod last;
mod refused_topics;
mod requests;
mod target;

#[cfg(feature = "testing")]
pub(super) use self::target::CommitTarget;
pub(super) use self::{
    committer::Committer,
    exchange::{Answer, Exchange},
    last::{LastCommit, SHORTEST_WAIT},
    requests::CommitRequests,
};
