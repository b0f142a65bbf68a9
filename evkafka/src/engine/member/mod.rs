//! One member of a consumer group, from the look at its cluster until it has left.
//!
//! - `thread`: the member as the app sees it, and the thread that polls librdkafka for it. Before it joins, it `probe`s the cluster.
//! - `session`: a member that has joined. In each turn it hears its client (`events`, `joining`) and the app, takes its
//!   `revocation`s further, and goes on in its `phase`.
//! - `plan`, `drain`: how lanes are brought to an end, by whoever wants it.
//! - `coordinator`, `tasks`: how lanes begin, and how their futures are dropped.
//!
//! Imports the rooms of lanes and of commits, which know nothing of members.

mod admission;
mod coordinator;
mod drain;
mod events;
mod joining;
mod patterns;
mod phase;
mod plan;
mod probe;
mod rejoin;
mod revocation;
mod session;
mod tasks;
mod thread;

pub(crate) use self::{
    joining::JoinFailure,
    plan::DrainPlan,
    thread::{Member, MemberSettings, Shutdown},
};
