//! The app on an embedded cluster.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use tokio::{runtime::Builder, sync::Mutex as AsyncMutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::watch::Watch;
use crate::{
    App,
    app::{ConsumerFacts, ProducerFacts},
    embedded::{Cluster, Event},
    error::{Error, Result},
    event::EventSpec,
    native::RawRecord,
    record::OwnedRecord,
    send::{RecordForm, Sends},
    settle::DEAD_LETTER_PREFIX,
};

pub(super) struct OnCluster {
    cluster: Arc<Cluster>,
    producers: Vec<ProducerFacts>,
    topics: Mutex<BTreeSet<String>>,
    /// What the test has written.
    written: Mutex<BTreeSet<(String, i32, i64)>>,
    stop: CancellationToken,
    end: Arc<End>,
    task: AsyncMutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct End {
    is_over: AtomicBool,
    error: Mutex<Option<Error>>,
    text: Mutex<Option<String>>,
}

impl OnCluster {
    /// # Errors
    /// If the app has faults.
    pub(super) fn start(
        app: App,
        cluster: Arc<Cluster>,
        topics: &[(String, u16)],
        watch: &Arc<Watch>,
    ) -> Result<Self> {
        let app = app.on_cluster(cluster.bootstrap_servers(), &(Arc::clone(watch) as _));
        app.check()?;
        let create = |topic: &str, partitions| {
            // If it is there, it stays as it is; other faults are those of whoever uses it.
            let _ = cluster.create_topic(topic, partitions);
        };
        let named = app.topics();
        topics.iter().for_each(|(topic, partitions)| create(topic, *partitions));
        named.iter().for_each(|topic| create(topic, 1));
        let known = topics.iter().map(|(topic, _)| topic.clone()).chain(named);
        let (stop, end, producers) = (CancellationToken::new(), Arc::<End>::default(), app.producer_facts());
        let (stopped, ended, watch) = (stop.clone(), Arc::clone(&end), Arc::clone(watch));
        let task = tokio::spawn(async move {
            if let Err(error) = app.run_until(stopped.cancelled()).await {
                *lock(&ended.text) = Some(format!("{error:?}"));
                *lock(&ended.error) = Some(error);
            }
            ended.is_over.store(true, SeqCst);
            watch.changed.notify_waiters();
        });
        Ok(Self {
            producers,
            topics: Mutex::new(known.collect()),
            written: Mutex::default(),
            stop,
            end,
            task: AsyncMutex::new(Some(task)),
            cluster,
        })
    }

    pub(super) fn create(&self, topic: &str) {
        if lock(&self.topics).insert(topic.to_owned()) {
            let _ = self.cluster.create_topic(topic, 1);
        }
    }

    pub(super) fn topics(&self) -> Vec<String> {
        lock(&self.topics).iter().cloned().collect()
    }

    /// # Errors
    /// If the topic has no such partition: how many it has.
    pub(super) fn write(&self, record: &RawRecord<'_>) -> Result<(i32, i64), usize> {
        let mut event = Event::new(record.topic);
        if let Some(partition) = record.partition {
            event = event.partition(partition);
        }
        if let Some(key) = record.key {
            event = event.key(key);
        }
        if let Some(payload) = record.payload {
            event = event.payload(payload);
        }
        for (name, value) in record.headers {
            event = match value {
                Some(value) => event.header(name, value),
                None => event.null_header(name),
            };
        }
        let (partition, offset) = match block(self.cluster.send(event)) {
            Ok(written) => written,
            Err(error) => match block(self.cluster.partitions(record.topic)) {
                Ok(count) if record.partition.is_some() => return Err(count),
                Ok(_) | Err(_) => panic!("the embedded cluster does not take the record: {error}"),
            },
        };
        lock(&self.written).insert((record.topic.to_owned(), partition, offset));
        Ok((partition, offset))
    }

    pub(super) fn records(&self, topic: &str) -> Vec<OwnedRecord> {
        expect("the records of a topic", block(self.cluster.records(topic)))
    }

    /// Partition by partition: the order among them is not known.
    pub(super) fn produced(&self, by: Sends) -> Vec<OwnedRecord> {
        let records = self.topics().into_iter().flat_map(|topic| self.records(&topic));
        let written = lock(&self.written).clone();
        let is_by_app = |record: &OwnedRecord| {
            let record = record.as_record();
            !written.contains(&(record.topic().to_owned(), record.partition(), record.offset()))
        };
        let is_letter = |record: &OwnedRecord| {
            let mut headers = record.as_record().headers().iter();
            headers.any(|(name, _)| name.starts_with(DEAD_LETTER_PREFIX.as_bytes()))
        };
        records
            .filter(|record| is_by_app(record) && is_letter(record) == (by == Sends::DeadLetters))
            .collect()
    }

    pub(super) fn form_of(&self, event: &EventSpec) -> Option<RecordForm> {
        let sender = self.producers.iter().find(|producer| producer.lists(event));
        let sender = sender.or_else(|| self.producers.iter().find(|producer| producer.is_for_any()))?;
        Some(sender.form.clone())
    }

    pub(super) fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let committed = expect("what is committed", block(self.cluster.committed(group, topic)));
        committed.get(&partition).copied()
    }

    pub(super) fn is_idle(&self, consumers: &[ConsumerFacts], watch: &Watch) -> bool {
        let has_caught_up = |consumer: &ConsumerFacts| {
            let topics = self.topics().into_iter().filter(|topic| consumer.reads(topic));
            let mut answers = topics.map(|topic| block(self.cluster.has_caught_up(&consumer.group, &topic)));
            answers.all(|answer| expect("how far a group is", answer))
        };
        self.is_over() || (watch.is_idle() && consumers.iter().all(has_caught_up))
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_over.load(SeqCst)
    }

    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.end.text).clone()
    }

    pub(super) async fn shut_down(&self) -> Result<()> {
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take() {
            // A panic in it is one of the engine's, and was printed.
            let _ = task.await;
        }
        lock(&self.end.error).take().map_or(Ok(()), Err)
    }
}

impl Drop for OnCluster {
    fn drop(&mut self) {
        if let Ok(mut task) = self.task.try_lock()
            && let Some(task) = task.take()
        {
            task.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn expect<T>(what: &str, answer: Result<T>) -> T {
    answer.unwrap_or_else(|error| panic!("the embedded cluster does not say {what}: {error}"))
}

/// Waits for a cluster's answer, on a thread of its own: it comes without this runtime.
fn block<T: Send>(answer: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let runtime =
                Builder::new_current_thread().enable_time().build().expect("a runtime that only waits");
            runtime.block_on(answer)
        });
        waits.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
