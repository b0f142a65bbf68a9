//! Which topics there are: a typing mistake in a test must not pass because a topic was created for it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{TIMEOUT, clients::Looks, fault::Fault};
use crate::native::metadata;

/// A group of ours that nobody joins: a client without one cannot read.
pub(super) const NO_GROUP: &str = "evkafka-embedded";

/// The topics that are known, and how many partitions they have. Others may be there too: a producer of somebody's makes them.
#[derive(Debug, Default)]
pub(super) struct Topics(Mutex<BTreeMap<String, usize>>);

impl Topics {
    pub(super) fn add(&self, topic: &str, partitions: usize) {
        self.lock().insert(topic.to_owned(), partitions);
    }

    /// How many partitions a topic has.
    pub(super) async fn partitions(&self, topic: &str, looks: &Looks) -> Result<usize, Fault> {
        let known = self.lock().get(topic).copied();
        match known {
            Some(partitions) => Ok(partitions),
            None => self.look(topic, looks).await,
        }
    }

    /// Asks the cluster for all its topics.
    async fn look(&self, topic: &str, looks: &Looks) -> Result<usize, Fault> {
        let found = looks.ask(NO_GROUP, |client| {
            let refused = |code| Fault::Refused { what: "the topics are not known".to_owned(), code };
            metadata(client.handle(), None, TIMEOUT).map_err(refused)
        });
        let found = found.await?.topics.into_iter();
        let mut topics = self.lock();
        topics.extend(found.filter_map(|topic| Some((topic.name, topic.partitions.ok()?))));
        topics.get(topic).copied().ok_or_else(|| Fault::UnknownTopic {
            topic: topic.to_owned(),
            topics: topics.keys().cloned().collect(),
        })
    }

    /// It is consistent after each statement.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
