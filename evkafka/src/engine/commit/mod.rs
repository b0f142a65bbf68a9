//! Tells the broker how far the lanes have come.

mod aside;
mod committer;
mod exchange;
mod requests;

pub(super) use self::{
    committer::Committer,
    exchange::{Answer, Exchange, LastCommit, SHORTEST_WAIT},
    requests::CommitRequests,
};
