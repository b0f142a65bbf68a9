//! What the tests share: a ledger of what handlers saw, and apps that run in the background.

use std::{
    fmt::Display,
    io::{self, Write},
    ops::Range,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use evkafka::{
    App, ConsumerConfig, Metadata,
    embedded::{Cluster, Event},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

use crate::schema::Schema;

/// The longest that anything may take. Only a test that fails waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// A call of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) consumer: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) attempt: u32,
    pub(crate) note: String,
}

/// The calls of all handlers, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    calls: Mutex<Vec<Call>>,
    changed: Notify,
}

impl Ledger {
    pub(crate) fn note(&self, meta: &Metadata, note: impl Display) {
        self.0.calls.lock().expect("no panic").push(Call {
            consumer: meta.consumer.to_string(),
            partition: meta.partition,
            offset: meta.offset,
            attempt: meta.attempt,
            note: note.to_string(),
        });
        self.0.changed.notify_waiters();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.calls.lock().expect("no panic").clone()
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.note).collect()
    }

    pub(crate) fn offsets(&self) -> Vec<i64> {
        self.calls().into_iter().map(|call| call.offset).collect()
    }

    /// Waits until the calls are as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&[Call]) -> bool) {
        let wait = async {
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                // From here on no change is missed.
                changed.as_mut().enable();
                if wanted(&self.calls()) {
                    return;
                }
                changed.await;
            }
        };
        if timeout(DEADLINE, wait).await.is_err() {
            panic!("the handlers were not called as expected within {DEADLINE:?}: {:?}", self.calls());
        }
    }

    pub(crate) async fn until_len(&self, len: usize) {
        self.until(|calls| calls.len() >= len).await;
    }
}

/// An app that runs in the background.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    app: JoinHandle<evkafka::Result<()>>,
}

impl Running {
    pub(crate) fn start(app: App) -> Self {
        // `RUST_LOG=evkafka=debug cargo test …` shows what the engine says.
        if std::env::var_os("RUST_LOG").is_some() {
            let filter = tracing_subscriber::EnvFilter::from_default_env();
            let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        }
        let (stop, stopped) = oneshot::channel();
        let app = tokio::spawn(app.run_until(async {
            let _ = stopped.await;
        }));
        Self { stop, app }
    }

    /// Has the app shut down and waits for it.
    pub(crate) async fn stop(self) -> evkafka::Result<()> {
        // The app may have ended by itself.
        let _ = self.stop.send(());
        timeout(DEADLINE, self.app).await.expect("the app ends").expect("the app does not panic")
    }

    /// Waits until the app ends by itself.
    pub(crate) async fn ends(self) -> evkafka::Result<()> {
        let ended = timeout(DEADLINE, self.app).await.expect("the app ends").expect("the app does not panic");
        drop(self.stop);
        ended
    }

    /// Drops the app where it stands, without a drain.
    pub(crate) async fn kill(self) {
        self.app.abort();
        let _ = self.app.await;
    }
}

/// A cluster with one topic, `orders`.
pub(crate) fn cluster(partitions: u16) -> Cluster {
    let cluster = Cluster::start().expect("a cluster");
    cluster.create_topic("orders", partitions).expect("a topic");
    cluster
}

/// A consumer of `orders` in the group `billing`, with evkafka's own commit interval.
pub(crate) fn config(cluster: &Cluster) -> ConsumerConfig {
    cluster.config(["orders"], "billing").commit_interval(Duration::from_secs(5))
}

/// The same in Kafka's classic group protocol, in which evkafka's users are unless they say otherwise. The mock cluster ends a
/// rebalance only a second before the session timeout, so that is short.
pub(crate) fn classic_config(cluster: &Cluster) -> ConsumerConfig {
    ConsumerConfig::new(["orders"])
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("billing")
        .property("session.timeout.ms", 3000)
        .property("heartbeat.interval.ms", 300)
}

/// The same of a consumer that reads `orders` and what is called alike, with so little memory that another topic has it replace its
/// members' clients.
pub(crate) fn outgrows(cluster: &Cluster) -> ConsumerConfig {
    ConsumerConfig::new(["^orders"])
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("billing")
        .prefetch_memory_mib(1)
        .properties([("session.timeout.ms", 3000), ("heartbeat.interval.ms", 300)])
        .property("topic.metadata.refresh.interval.ms", 200)
}

/// An event of partition 0 of `orders`, with its number as payload.
pub(crate) fn event(event_type: &str, id: u64) -> Event {
    Event::new("orders").partition(0).event_type(event_type).payload(id.to_string())
}

/// What `billing` has committed of partition 0 of `orders`.
pub(crate) async fn committed(cluster: &Cluster) -> Option<i64> {
    cluster.committed("billing", "orders").await.expect("committed offsets").get(&0).copied()
}

/// Waits until `billing` has committed `offset` of partition 0 of `orders`, and no more.
pub(crate) async fn until_committed(cluster: &Cluster, offset: i64) {
    cluster.until_committed("billing", "orders", 0, offset).await.expect("the offset is committed");
    assert_eq!(committed(cluster).await, Some(offset));
}

/// Sends events to partition 0 of `orders` of a cluster that is not evkafka's own, with their numbers as payloads.
pub(crate) async fn send_to(servers: &str, event_type: &str, ids: Range<u64>) {
    send_to_partition(servers, 0, event_type, ids).await;
}

/// The same to another partition.
pub(crate) async fn send_to_partition(servers: &str, partition: i32, event_type: &str, ids: Range<u64>) {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", servers).create().expect("a producer");
    for id in ids {
        let headers = OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some(event_type) });
        let payload = id.to_string();
        let record =
            FutureRecord::<(), _>::to("orders").partition(partition).headers(headers).payload(&payload);
        producer.send(record, DEADLINE).await.expect("an acknowledgement");
    }
}

/// What `billing` has committed of partition 0 of `orders` of such a cluster.
pub(crate) async fn committed_at(servers: &str) -> Option<i64> {
    committed_of(servers, 0).await
}

/// The same of another partition.
pub(crate) async fn committed_of(servers: &str, partition: i32) -> Option<i64> {
    committed_of_topic(servers, "orders", partition).await
}

/// The same of another topic.
pub(crate) async fn committed_of_topic(servers: &str, topic: &'static str, partition: i32) -> Option<i64> {
    look_up(servers, topic, partition).await.0
}

/// The same of partition 0, and the commit's metadata.
pub(crate) async fn committed_with_metadata(servers: &str) -> (Option<i64>, String) {
    look_up(servers, "orders", 0).await
}

async fn look_up(servers: &str, topic: &'static str, partition: i32) -> (Option<i64>, String) {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", servers).set("group.id", "billing");
    let look = move || {
        let consumer: BaseConsumer = client.create().expect("a consumer");
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition(topic, partition);
        let committed = consumer.committed_offsets(wanted, DEADLINE).expect("committed offsets");
        let committed = &committed.elements()[0];
        let offset = match committed.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        (offset, committed.metadata().to_owned())
    };
    tokio::task::spawn_blocking(look).await.expect("no panic")
}

/// What all apps of this process have logged since the first test that asked for it: look for consumers by names of their own.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<LogInner>);

#[derive(Default)]
struct LogInner {
    text: Mutex<Vec<u8>>,
    changed: Notify,
}

impl Log {
    /// Captures the log from now on.
    pub(crate) fn capture() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let log = LOG.get_or_init(|| {
            let log = Self::default();
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_env_filter("info,librdkafka=trace")
                .with_writer(log.clone())
                .finish()
                .with(Schema);
            tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
            log
        });
        log.clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.text.lock().expect("no panic").clone()).expect("UTF-8")
    }

    /// The lines that contain all of `parts`.
    pub(crate) fn lines_with(&self, parts: &[&str]) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
        lines.map(str::to_owned).collect()
    }

    /// Waits for a line that contains all of `parts`; the first.
    pub(crate) async fn until_line_with(&self, parts: &[&str]) -> String {
        let wait = async {
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(line) = self.lines_with(parts).into_iter().next() {
                    return line;
                }
                changed.await;
            }
        };
        timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("no line with {parts:?} in {}", self.text()))
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.text.lock().expect("no panic").write(bytes);
        self.0.changed.notify_waiters();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
