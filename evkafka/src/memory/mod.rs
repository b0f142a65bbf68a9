//! Topics in memory, for tests without a broker: what lanes read and producers write there, under tokio's clock.

mod cluster;
mod log;
mod murmur2;

pub(crate) use self::{
    cluster::{Cluster, Produced},
    log::{Fetch, Log, Reader},
};
