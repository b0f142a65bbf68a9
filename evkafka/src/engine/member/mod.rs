//! One member of a consumer group, from the look at its cluster until it has left.

mod admission;
mod coordinator;
mod drain;
mod joining;
mod patterns;
mod probe;
mod revocation;
mod session;
mod tasks;
mod thread;

pub(super) use self::{
    coordinator::Names,
    drain::{Drained, after},
};
pub(crate) use self::{
    drain::DrainPlan,
    joining::JoinFailure,
    thread::{Member, MemberSettings, Shutdown},
};
