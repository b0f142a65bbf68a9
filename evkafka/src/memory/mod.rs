//! Topics in memory, for tests without a broker: what lanes read and producers write there, under tokio's clock.

mod cluster;
#[cfg(feature = "testing")]
mod group;
mod log;
mod murmur2;

#[cfg(feature = "testing")]
pub(crate) use self::group::Group;
pub(crate) use self::{
    cluster::{Cluster, Produced},
    log::{Fetch, Log, Reader},
};
