//! The app on topics in memory.

use std::sync::{Arc, Mutex, PoisonError};

use super::{run::Run, watch::Watch};
use crate::{
    App,
    app::MemoryApp,
    error::Result,
    event::EventSpec,
    memory::{Cluster, Produced},
    native::RawRecord,
    record::OwnedRecord,
    send::{RecordForm, Sends},
};

pub(super) struct InMemory {
    app: MemoryApp,
    pub(super) cluster: Cluster,
    watch: Arc<Watch>,
    /// The current one.
    run: Mutex<Arc<Run>>,
}

impl InMemory {
    /// Starts an app, with these topics and their numbers of partitions.
    ///
    /// # Errors
    /// If the app has faults.
    pub(super) fn start(app: App, topics: &[(String, u16)], watch: &Arc<Watch>) -> Result<Self> {
        let cluster = Cluster::default();
        let app = app.into_memory(&cluster)?;
        for (topic, partitions) in topics {
            cluster.create_topic(topic, (*partitions).into());
        }
        for consumer in &app.consumers {
            let named = consumer.config.topics.iter().filter(|topic| !topic.starts_with('^'));
            named.for_each(|topic| cluster.create_topic(topic, 1));
            consumer.pipeline.dead_letter_topics().iter().for_each(|topic| cluster.create_topic(topic, 1));
        }
        let run = Mutex::new(Arc::new(Run::start(&app, &cluster, watch)));
        Ok(Self { app, cluster, watch: Arc::clone(watch), run })
    }

    pub(super) fn run(&self) -> Arc<Run> {
        Arc::clone(&self.run.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// There is a topic of this name, which is read by whoever reads topics of its name.
    pub(super) fn create(&self, topic: &str) {
        self.cluster.create_topic(topic, 1);
        // Before the first record is written: who begins at the end is to read it.
        self.run().members().iter().for_each(|member| member.assign());
    }

    /// # Errors
    /// If the topic has no such partition: how many it has.
    pub(super) fn write(&self, record: &RawRecord<'_>) -> Result<(i32, i64), usize> {
        self.cluster.write(record).map_err(|_| self.cluster.partitions(record.topic).unwrap_or(0))
    }

    /// What producers of the app have written of this kind.
    pub(super) fn produced(&self, by: Sends) -> impl Iterator<Item = OwnedRecord> {
        let produced =
            self.cluster.produced().into_iter().filter(move |produced: &Produced| produced.by == by);
        produced.map(|produced| produced.record)
    }

    /// How an event is written, if the app sends it.
    pub(super) fn form_of(&self, event: &EventSpec) -> Option<RecordForm> {
        Some(self.app.states.outlets().of(event)?.outlet.form.clone())
    }

    pub(super) fn is_idle(&self) -> bool {
        let run = self.run();
        run.members().iter().for_each(|member| member.commit_soon());
        run.is_idle()
    }

    pub(super) async fn crash_and_restart(&self) {
        self.run().crash().await;
        self.watch.crashed();
        self.cluster.acknowledge();
        let run = Arc::new(Run::start(&self.app, &self.cluster, &self.watch));
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run;
    }
}
