//! The engine: takes a record through the flow, record → decode → route → handle → settle.
//!
//! - A [`Member`](member::Member) is one member of a consumer group: a thread that polls librdkafka for rebalances and
//!   errors, and so keeps the group alive whatever the handlers do. Its session never waits.
//! - A [`Lane`](lane::Lane) is one assigned partition: a task on the user's runtime that takes records from the
//!   partition's own queue, in order. A handler that is ready at its first poll costs no task and no channel.
//! - The [committer](commit) tells the broker how far the lanes have come.

mod assignment;
mod attempt;
mod bare;
mod commands;
mod commit;
mod deadline;
mod delivery;
mod lane;
mod member;
#[cfg(all(test, evkafka_loom))]
mod models;
mod observe;
mod partitions;
mod pipeline;
mod schedule;
mod shared;
mod start;

pub use self::bare::BareEngine;
pub(crate) use self::{
    member::{DrainPlan, JoinFailure, Member, MemberSettings, Shutdown},
    pipeline::{Pipeline, Routed, policies, requirements},
    shared::{Report, Shared},
};
