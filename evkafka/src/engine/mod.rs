//! The engine: takes a record through the flow, record → decode → route → handle → settle.
//!
//! - A [`Member`](member::Member) is one member of a consumer group: a thread that polls librdkafka for rebalances and
//!   errors, and so keeps the group alive whatever the handlers do. Its [`Session`](session::Session) never waits.
//! - A [`Lane`](lane::Lane) is one assigned partition: a task on the user's runtime that takes records from the
//!   partition's own queue, in order. A handler that is ready at its first poll costs no task and no channel.
//! - The [committer](committer) tells the broker how far the lanes have come.

mod admission;
mod aside;
mod assignment;
mod bare;
mod call;
mod commit_requests;
mod committer;
mod coordinator;
mod dead_letters;
mod denial;
mod drain;
mod exchange;
mod joining;
mod lane;
mod member;
#[cfg(all(test, evkafka_loom))]
mod models;
mod pipeline;
mod probe;
mod recovery;
mod revocation;
mod session;
mod shared;

pub use self::bare::BareEngine;
pub(crate) use self::{
    coordinator::log,
    dead_letters::DeadLetters,
    denial::Denial,
    drain::DrainPlan,
    joining::JoinFailure,
    member::{Member, MemberSettings},
    pipeline::{Pipeline, Routed, requirements},
    shared::{Report, Shared},
};
