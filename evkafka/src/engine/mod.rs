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
mod client_log;
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
mod patterns;
mod pipeline;
mod probe;
mod refusal;
mod revocation;
mod session;
mod shared;
mod start;
mod tasks;

pub use self::bare::BareEngine;
pub(crate) use self::{
    client_log::ClientLog,
    dead_letters::{DeadLetters, Refused},
    denial::Denial,
    drain::DrainPlan,
    joining::JoinFailure,
    member::{Member, MemberSettings, Shutdown},
    pipeline::{Pipeline, Routed, policies, requirements},
    shared::{Report, Shared},
};
