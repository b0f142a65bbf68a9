use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::sleep;

use super::{
    backend::Backend,
    builder::TestClientBuilder,
    ground::Ground,
    record::TestRecord,
    settled::Settled,
    story::{Place, Settlement, Story},
};
use crate::{
    App, ProducerConfig,
    app::ConsumerFacts,
    error::Result,
    event::{Event, EventSpec, Outgoing},
    native::RawRecord,
    record::OwnedRecord,
    send::{RecordForm, Sends},
};

/// How long anything is awaited, unless it is set: so long in any case,
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// or so long by tokio's clock, if it is paused, and a part of that.
const PATIENCE_IF_PAUSED: Duration = Duration::from_secs(7 * 24 * 3600);
const PART: u32 = 12;

/// How soon it is looked again, at first: not everything that is awaited is told.
const LOOKS_AGAIN: Duration = Duration::from_millis(1);

/// Runs an app on topics in memory, and speaks with it. See the [module](super).
///
/// Dropping it drops the app with its handlers. Use [`shutdown`](Self::shutdown) to see it end in order.
pub struct TestClient {
    pub(super) ground: Ground,
    patience: Duration,
}

impl TestClient {
    /// Starts an app on topics in memory.
    ///
    /// # Panics
    /// If the app has faults, with all of them; outside a tokio runtime.
    #[track_caller]
    pub fn new(app: App) -> Self {
        Self::of(app).start()
    }

    /// A client of this app, to be given settings and [started](TestClientBuilder::start).
    pub fn of(app: App) -> TestClientBuilder {
        TestClientBuilder::new(app)
    }

    /// # Errors
    /// If the app has faults.
    pub(super) fn start(
        app: App,
        backend: Backend,
        topics: &[(String, u16)],
        patience: Duration,
    ) -> Result<Self> {
        Ok(Self { ground: Ground::start(app, backend, topics)?, patience })
    }

    /// An event that is about to be sent to the topic that it names, in the form in which the app's consumers read it.
    ///
    /// # Panics
    /// If it cannot be encoded as JSON.
    #[track_caller]
    pub fn send<E: Event + Serialize>(&self, event: &E) -> TestRecord<'_> {
        let outgoing = match Outgoing::one(event, |key| event.key(key)) {
            Ok(outgoing) => outgoing,
            Err(error) => panic!("{error}"),
        };
        let encoded = outgoing.first().expect("there is one");
        TestRecord::of_event(self, E::TOPIC, &encoded)
    }

    /// A record that is about to be sent: null key, null payload, no headers.
    pub fn record(&self, topic: &str) -> TestRecord<'_> {
        TestRecord::new(self, Some(topic))
    }

    /// The events of this type that the app has sent, in the order in which they were written, read in the form in which its producer
    /// writes them. Dead letters are none.
    ///
    /// # Panics
    /// If one cannot be decoded.
    #[track_caller]
    pub fn sent<E: Event + DeserializeOwned>(&self) -> Vec<E> {
        let event = EventSpec::of::<E>();
        let form = self.ground.form_of(event).unwrap_or_else(|| RecordForm::of(&ProducerConfig::new()));
        let decode = |record: OwnedRecord| {
            let record = record.as_record();
            let payload = form.read(&record, event)?;
            Some(serde_json::from_slice(&payload).unwrap_or_else(|error| {
                let (origin, offset) = (record.origin(), record.offset());
                panic!("the event `{}` at {origin} offset {offset} cannot be decoded: {error}", E::NAME)
            }))
        };
        self.ground.produced(Sends::Events).into_iter().filter_map(decode).collect()
    }

    /// All records of a topic, with their headers, partition by partition.
    ///
    /// # Panics
    /// If there is no such topic.
    #[track_caller]
    pub fn records(&self, topic: &str) -> Vec<OwnedRecord> {
        self.assert_topic(topic);
        self.ground.records(topic)
    }

    /// The dead letters in a topic, with their headers, in the order in which they were written.
    ///
    /// # Panics
    /// If there is no such topic.
    #[track_caller]
    pub fn dead_letters(&self, topic: &str) -> Vec<OwnedRecord> {
        self.assert_topic(topic);
        let is_there = |record: &OwnedRecord| record.as_record().topic() == topic;
        self.ground.produced(Sends::DeadLetters).into_iter().filter(is_there).collect()
    }

    /// The offset that a group has committed of a partition: that of the next record. The group, or a consumer that is in it, is named.
    ///
    /// # Panics
    /// If there is no such consumer or group, or no such topic.
    #[track_caller]
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.assert_topic(topic);
        let consumers = &self.ground.consumers;
        let named = consumers.iter().find(|consumer| &*consumer.name == group);
        let of_group = || consumers.iter().find(|consumer| consumer.group == group);
        let Some(consumer) = named.or_else(of_group) else {
            let names: Vec<_> = consumers.iter().map(|consumer| &consumer.name).collect();
            panic!(
                "`{group}` is neither a consumer of the app nor a group of one; the consumers are {names:?}"
            )
        };
        self.ground.committed(&consumer.group, topic, partition)
    }

    /// Waits until nothing is under way: all that was written is settled, all that is settled is committed, and all that handlers
    /// have enqueued is acknowledged; or until the app has ended.
    ///
    /// # Panics
    /// If something is never settled, with what that is.
    pub async fn idle(&self) {
        let is_idle = || self.ground.is_idle().then_some(());
        let why_not = || self.ground.watch.unsettled().iter().map(|story| format!("\n{story}")).collect();
        self.until("the app was expected to become idle", is_idle, why_not).await;
    }

    #[track_caller]
    fn assert_topic(&self, topic: &str) {
        let topics = self.ground.topics();
        assert!(
            topics.iter().any(|name| name == topic),
            "there is no topic `{topic}`; the topics are {topics:?}"
        );
    }

    /// Who reads a topic, which is there from now on.
    ///
    /// # Panics
    /// If nobody does.
    #[track_caller]
    pub(super) fn readers(&self, topic: &str) -> Vec<&ConsumerFacts> {
        let consumers = &self.ground.consumers;
        let readers: Vec<_> = consumers.iter().filter(|consumer| consumer.reads(topic)).collect();
        if readers.is_empty() {
            let topics: BTreeSet<_> = consumers.iter().flat_map(|consumer| &consumer.topics).collect();
            panic!("no consumer of the app reads the topic `{topic}`; they read {topics:?}");
        }
        self.ground.create(topic);
        readers
    }

    /// Writes a record; where it was written.
    ///
    /// # Panics
    /// If there is no such partition.
    #[track_caller]
    pub(super) fn write(&self, record: &OwnedRecord, partition: Option<i32>) -> (i32, i64) {
        let record = record.as_record();
        let headers: Vec<_> = record.headers().iter().collect();
        let raw = RawRecord {
            topic: record.topic(),
            partition,
            key: record.key(),
            payload: record.payload(),
            headers: &headers,
            timestamp: None,
        };
        self.ground.write(&raw).unwrap_or_else(|count| {
            let (topic, partition) = (raw.topic, partition.unwrap_or_default());
            panic!(
                "the topic `{topic}` has no partition {partition}: it has {count}, counted from 0; \
                 `TestClient::of(app).partitions(\"{topic}\", …)` gives it more"
            )
        })
    }

    /// What has become of any record so far, by each consumer that reads its topic: of one that the app has sent, for example.
    ///
    /// # Panics
    /// If no consumer reads the topic.
    #[track_caller]
    pub fn settled(&self, topic: &str, partition: i32, offset: i64) -> Settled {
        let name: Arc<str> = topic.into();
        let place = |reader: &ConsumerFacts| Place {
            consumer: Arc::clone(&reader.name),
            topic: Arc::clone(&name),
            partition,
            offset,
        };
        self.stories_of(&self.readers(topic).into_iter().map(place).collect::<Vec<_>>())
    }

    /// What has become of a record so far.
    pub(super) fn stories_of(&self, places: &[Place]) -> Settled {
        let stories = places.iter().map(|place| self.ground.watch.story(place.clone()));
        Settled::new(stories.collect(), self.error())
    }

    pub(super) async fn until_settled(&self, places: &[Place]) -> Settled {
        let is_settled = || {
            let (is_over, settled) = (self.ground.is_over(), self.stories_of(places));
            // What the app stops at is known before it has ended.
            let is = |story: &Story| story.settlement().is_some_and(|how| how != Settlement::Stopped);
            (settled.stories().iter().all(is) || is_over).then_some(settled)
        };
        let so_far = || format!("\n{}", self.stories_of(places));
        self.until("the record was expected to be settled", is_settled, so_far).await
    }

    /// Waits for what `is_there` returns.
    ///
    /// # Panics
    /// If it takes too long: with `expected`, and with what there is.
    async fn until<T>(
        &self,
        expected: &str,
        is_there: impl Fn() -> Option<T>,
        what_there_is: impl Fn() -> String,
    ) -> T {
        let (begun, begun_by_tokio) = (std::time::Instant::now(), tokio::time::Instant::now());
        loop {
            let mut changed = std::pin::pin!(self.ground.watch.changed.notified());
            changed.as_mut().enable();
            if let Some(there) = is_there() {
                return there;
            }
            let (waited, by_tokio) = (begun.elapsed(), begun_by_tokio.elapsed());
            assert!(
                self.ground.follows_tokios_clock() || by_tokio < 2 * waited + Duration::from_secs(5),
                "a paused clock goes on while the embedded cluster works: run this test without `start_paused`"
            );
            let is_too_long =
                waited >= self.patience || (by_tokio >= PATIENCE_IF_PAUSED && waited >= self.patience / PART);
            assert!(!is_too_long, "{expected} within {by_tokio:?}, and was not{}", what_there_is());
            tokio::select! {
                () = changed => {}
                () = sleep((by_tokio / 16).max(LOOKS_AGAIN)) => {}
            }
        }
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("topics", &self.ground.topics()).finish_non_exhaustive()
    }
}
