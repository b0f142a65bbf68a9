#[cfg(feature = "embedded")]
use std::sync::Arc;

/// Where a test runs its app: the same test may be run on each.
///
/// | | memory | embedded cluster | Kafka |
/// |---|---|---|---|
/// | what it is | topics in memory | librdkafka's mock cluster (feature `embedded`) | brokers of yours (feature `embedded`) |
/// | topics | those that the app names | the same | the same, behind a prefix; deleted with the client |
/// | time | tokio's, also paused | the wall clock: a paused one panics | the same |
/// | `rebalance`, `crash_and_restart`, refused sends, held acknowledgements | yes | panic, and say so | panic, and say so |
/// | a topic that a pattern matches | created by its first record | the same; read when the client has heard of it | the same |
/// | where a key that the test sends goes | murmur2 | CRC32 | murmur2 |
/// | a test | 1 ms | 0.3 s | some seconds |
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
    /// Kafka, at these servers (`host:port`, separated by commas). The app's servers are replaced, its other properties hold, and offsets are
    /// committed every 50 ms.
    ///
    /// Each client has topics and groups of its own: their names on the brokers begin with a prefix that no other client has, which the
    /// client's methods leave out. Handlers see it, in [`Metadata::topic`](crate::Metadata), in the headers of dead letters, and in an event
    /// type that is read from the topic. The topics are deleted when the client is dropped; the brokers must let it create and delete them.
    #[cfg(feature = "embedded")]
    Kafka {
        /// Where the brokers are.
        bootstrap_servers: String,
    },
}
