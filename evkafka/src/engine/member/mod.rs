//! One member of a consumer group, from the look at its cluster until it has left.
//!
//! - `handle`: the member as the app sees it; `thread`: the thread that polls librdkafka for it. Before it joins, it `probe`s the
//!   cluster.
//! - `session`: a member that has joined. In each turn it hears its client (`events`, `joining`) and the app, takes its
//!   `revocation`s further, and goes on in its `phase` (`transitions`).
//! - `closing`: a client that the member has replaced.
//! - `plan`, `drain`: how lanes are brought to an end, by whoever wants it.
//! - `ends`: where the logs of what is assigned end, for the lag; `silence`: what of it is not read to there.
//! - `coordinator`, `tasks`: how lanes begin, and how their futures are dropped.
//!
//! Imports the rooms of lanes and of commits, which know nothing of members.

mod admission;
mod closing;
mod command;
mod coordinator;
mod drain;
mod ends;
mod events;
mod handle;
mod joining;
mod patterns;
mod phase;
mod plan;
mod probe;
mod rejoin;
mod revocation;
mod session;
mod silence;
mod tasks;
mod thread;
mod transitions;

pub(crate) use self::{
    command::MemberSettings,
    handle::{Member, Shutdown},
    joining::JoinFailure,
    plan::DrainPlan,
};
