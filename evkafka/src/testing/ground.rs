//! Where an app runs that is tested.

use std::sync::Arc;

#[cfg(feature = "embedded")]
use super::embedded::OnCluster;
use super::{backend::Backend, memory::InMemory, watch::Watch};
use crate::{
    App,
    app::ConsumerFacts,
    error::Result,
    event::EventSpec,
    native::RawRecord,
    record::OwnedRecord,
    send::{RecordForm, Sends},
};

pub(super) struct Ground {
    pub(super) consumers: Vec<ConsumerFacts>,
    pub(super) watch: Arc<Watch>,
    place: Place,
}

enum Place {
    Memory(InMemory),
    #[cfg(feature = "embedded")]
    Embedded(OnCluster),
}

impl Ground {
    /// Starts an app.
    ///
    /// # Errors
    /// If it has faults.
    pub(super) fn start(app: App, backend: Backend, topics: &[(String, u16)]) -> Result<Self> {
        let consumers = app.consumer_facts();
        let handlers =
            consumers.iter().map(|consumer| (Arc::clone(&consumer.name), consumer.handlers.clone()));
        let watch = Arc::new(Watch::new(handlers.collect()));
        let place = match backend {
            Backend::Memory => Place::Memory(InMemory::start(app, topics, &watch)?),
            #[cfg(feature = "embedded")]
            Backend::Embedded(cluster) => Place::Embedded(OnCluster::start(app, cluster, topics, &watch)?),
        };
        Ok(Self { consumers, watch, place })
    }

    /// What only topics in memory can do.
    ///
    /// # Panics
    /// If the app runs elsewhere.
    #[track_caller]
    #[cfg_attr(not(feature = "embedded"), expect(unused_variables, reason = "there is nothing else"))]
    pub(super) fn memory(&self, what: &str) -> &InMemory {
        match &self.place {
            Place::Memory(memory) => memory,
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => {
                panic!("`{what}` needs topics in memory: run this test with `Backend::Memory`")
            }
        }
    }

    /// Whether all waits are by tokio's clock.
    pub(super) fn follows_tokios_clock(&self) -> bool {
        match &self.place {
            Place::Memory(_) => true,
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => false,
        }
    }

    /// There is a topic of this name.
    pub(super) fn create(&self, topic: &str) {
        match &self.place {
            Place::Memory(memory) => memory.create(topic),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.create(topic),
        }
    }

    /// # Errors
    /// If the topic has no such partition: how many it has.
    pub(super) fn write(&self, record: &RawRecord<'_>) -> Result<(i32, i64), usize> {
        match &self.place {
            Place::Memory(memory) => memory.write(record),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.write(record),
        }
    }

    pub(super) fn topics(&self) -> Vec<String> {
        match &self.place {
            Place::Memory(memory) => memory.cluster.topics(),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.topics(),
        }
    }

    pub(super) fn records(&self, topic: &str) -> Vec<OwnedRecord> {
        match &self.place {
            Place::Memory(memory) => memory.cluster.records(topic),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.records(topic),
        }
    }

    /// What the app has written of this kind.
    pub(super) fn produced(&self, by: Sends) -> Vec<OwnedRecord> {
        match &self.place {
            Place::Memory(memory) => memory.produced(by).collect(),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.produced(by),
        }
    }

    /// How an event is written, if the app sends it.
    pub(super) fn form_of(&self, event: &EventSpec) -> Option<RecordForm> {
        match &self.place {
            Place::Memory(memory) => memory.form_of(event),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.form_of(event),
        }
    }

    pub(super) fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        match &self.place {
            Place::Memory(memory) => Some(memory.cluster.committed(group, topic, partition)?.offset),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.committed(group, topic, partition),
        }
    }

    /// Whether nothing is under way; has what is settled committed.
    pub(super) fn is_idle(&self) -> bool {
        match &self.place {
            Place::Memory(memory) => memory.is_idle(),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.is_idle(&self.consumers, &self.watch),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        match &self.place {
            Place::Memory(memory) => memory.run().is_over(),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.is_over(),
        }
    }

    /// Why the app has ended by itself, if it has.
    pub(super) fn failure(&self) -> Option<String> {
        match &self.place {
            Place::Memory(memory) => memory.run().failure(),
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.failure(),
        }
    }

    pub(super) async fn shut_down(&self) -> Result<()> {
        match &self.place {
            Place::Memory(memory) => memory.run().shut_down().await,
            #[cfg(feature = "embedded")]
            Place::Embedded(cluster) => cluster.shut_down().await,
        }
    }
}
