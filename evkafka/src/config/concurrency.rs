/// How many records a consumer works on at a time, and which order it keeps.
///
/// Whatever is chosen, the committed offset never passes a record that is not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Concurrency {
    /// One record of each partition at a time, in order; partitions are handled concurrently. In a configuration file:
    /// `concurrency = "partition"`.
    #[default]
    PerPartition,
    /// Records of one key in order, one at a time; different keys concurrently, also within a partition. Records with a
    /// null key have no order among themselves. In a configuration file: `concurrency = "key"`.
    ///
    /// A record that waits, behind one of its key or for its next attempt, holds up no other key. It counts towards the
    /// partition's share of [`prefetch_memory_mib`](crate::ConsumerConfig::prefetch_memory_mib); once that is used up, no more records of
    /// the partition are taken, and a warning says so, with the offset of the record that is waited for. Pre-commit, a record that waits
    /// behind its key is committed already, and so counts towards twice `in_flight` as well, which bounds what a crash can lose: a key
    /// whose handler takes long can hold up the other keys of its partition (with the same warning), though no other partition.
    PerKey {
        /// How many records at most are handled at a time by one consumer, from 1 to 1,000,000. In a configuration file:
        /// `in_flight`.
        in_flight: u32,
    },
    /// Any records concurrently, in no order. In a configuration file: `concurrency = "unordered"`.
    Unordered {
        /// As for [`PerKey`](Self::PerKey).
        in_flight: u32,
    },
}

impl Concurrency {
    /// How many records at most are handled at a time; `None` if that follows from the partitions.
    pub fn in_flight(&self) -> Option<u32> {
        match *self {
            Self::PerPartition => None,
            Self::PerKey { in_flight } | Self::Unordered { in_flight } => Some(in_flight),
        }
    }
}
