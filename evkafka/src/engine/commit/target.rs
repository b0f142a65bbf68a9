//! Where commits go: to Kafka, or to groups in memory.

use std::{sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::Notify;

#[cfg(feature = "testing")]
use crate::memory;
use crate::native::{ClientHandle, CommitEntry, CommitQueue, CommitReply};

/// Whoever takes a member's commits.
#[derive(Clone)]
pub(in crate::engine) enum CommitTarget {
    Kafka(Arc<ClientHandle>),
    #[cfg(feature = "testing")]
    Memory(memory::Group),
}

/// Where one commit is sent after the other, each when the one before was answered.
pub(super) enum Channel {
    Kafka(CommitQueue),
    #[cfg(feature = "testing")]
    Memory(memory::Group, Option<CommitReply>),
}

impl CommitTarget {
    /// A channel without answers, which notifies `answered` when one arrives.
    pub(super) fn open(&self, answered: &Arc<Notify>) -> Channel {
        match self {
            Self::Kafka(client) => {
                let mut queue = CommitQueue::new(client);
                queue.listen(Arc::clone(answered));
                Channel::Kafka(queue)
            }
            #[cfg(feature = "testing")]
            Self::Memory(group) => Channel::Memory(group.clone(), None),
        }
    }
}

impl From<Arc<ClientHandle>> for CommitTarget {
    fn from(client: Arc<ClientHandle>) -> Self {
        Self::Kafka(client)
    }
}

impl Channel {
    /// # Errors
    /// If it is not taken; then there will be no answer.
    pub(super) fn send(&mut self, entries: &[CommitEntry]) -> Result<(), RDKafkaErrorCode> {
        match self {
            Self::Kafka(queue) => queue.send(entries),
            #[cfg(feature = "testing")]
            Self::Memory(group, reply) => {
                *reply = Some(group.commit(entries));
                Ok(())
            }
        }
    }

    /// The answer, if it is there.
    pub(super) fn poll(&mut self) -> Option<CommitReply> {
        match self {
            Self::Kafka(queue) => queue.poll(Duration::ZERO),
            #[cfg(feature = "testing")]
            Self::Memory(_, reply) => reply.take(),
        }
    }
}
