//! Which offsets partitions have.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use rdkafka::error::RDKafkaErrorCode;

#[cfg(any(test, feature = "testing"))]
use crate::memory;
use crate::native::{self, ClientHandle, Place};

/// Who knows which offsets partitions have. It keeps no client alive.
#[derive(Clone, Debug)]
pub(crate) enum Offsets {
    Kafka(Weak<ClientHandle>),
    #[cfg(any(test, feature = "testing"))]
    Memory(memory::Log),
}

impl Offsets {
    /// Whether both are one, so that they can be asked for all partitions at once.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Kafka(one), Self::Kafka(other)) => one.ptr_eq(other),
            #[cfg(any(test, feature = "testing"))]
            _ => false,
        }
    }

    /// The offset of a place in each of these partitions, in their order, or what a broker says of it; `Ok(None)` if there is no record at
    /// that time or later. Blocks, for at most `timeout`. `None` if the client is gone.
    pub(crate) fn find(
        &self,
        partitions: &[(Arc<str>, i32)],
        place: Place,
        timeout: Duration,
    ) -> Option<Result<Vec<Found>, RDKafkaErrorCode>> {
        match self {
            Self::Kafka(client) => {
                let names = partitions.iter().map(|(topic, partition)| (&**topic, *partition));
                let listed = native::query_offsets(&*client.upgrade()?, names, place, timeout);
                Some(listed.map(|listed| {
                    let find = |(topic, partition): &(Arc<str>, i32)| {
                        let of =
                            listed.iter().find(|(name, number, _)| **topic == **name && number == partition);
                        of.map_or(Err(RDKafkaErrorCode::UnknownPartition), |(.., found)| *found)
                    };
                    partitions.iter().map(find).collect()
                }))
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(log) => Some(Ok(partitions.iter().map(|_| Ok(log.find(place))).collect())),
        }
    }

    /// Where the partition's log ends, as far as its client has it at hand: as of its last fetch, and behind transactions that are open.
    pub(crate) fn known_end(&self, topic: &str, partition: i32) -> Option<i64> {
        match self {
            Self::Kafka(client) => {
                native::fetched_log(&*client.upgrade()?, topic, partition).map(|log| log.end)
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(log) => log.find(Place::End),
        }
    }
}

/// What was found of a place in a partition.
type Found = Result<Option<i64>, RDKafkaErrorCode>;
