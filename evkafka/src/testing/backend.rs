#[cfg(feature = "embedded")]
use std::sync::Arc;

/// Where a test runs its app: the same test may be run on each.
///
/// | | memory | embedded cluster |
/// |---|---|---|
/// | what it is | topics in memory | librdkafka's mock cluster (feature `embedded`) |
/// | time | tokio's, also paused | the wall clock: a paused one panics |
/// | `rebalance`, `crash_and_restart`, refused sends, held acknowledgements | yes | panic, and say so |
/// | a topic that a pattern matches | created by its first record | the same; read when the client has heard of it |
/// | a test | 1 ms | 0.3 s |
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Backend {
    /// Topics in memory.
    #[default]
    Memory,
    /// An embedded cluster. The app's servers and security properties are replaced, offsets are committed every 50 ms, and groups use the
    /// newer protocol, as by [`Cluster::config`](crate::embedded::Cluster::config). Topics are created on it unless they are there.
    #[cfg(feature = "embedded")]
    Embedded(Arc<crate::embedded::Cluster>),
}
