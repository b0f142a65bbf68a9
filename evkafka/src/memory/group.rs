use std::sync::Arc;

use super::Cluster;
use crate::{
    native::{CommitEntry, CommitReply},
    settle::Commit,
};

/// A consumer group of a cluster in memory: what it has committed. It outlives its members.
#[derive(Clone)]
pub(crate) struct Group {
    cluster: Cluster,
    name: Arc<str>,
}

impl Group {
    pub(crate) fn new(cluster: Cluster, name: &str) -> Self {
        Self { cluster, name: name.into() }
    }

    /// Takes a commit, as a broker does that has nothing against it.
    pub(crate) fn commit(&self, entries: &[CommitEntry]) -> CommitReply {
        for CommitEntry { topic, partition, commit } in entries {
            self.cluster.commit(&self.name, topic, *partition, commit.clone());
        }
        CommitReply { result: Ok(()), refused: Vec::new() }
    }

    /// What is committed of a partition, if anything is.
    pub(crate) fn committed(&self, topic: &str, partition: i32) -> Option<Commit> {
        self.cluster.committed(&self.name, topic, partition)
    }
}
