use std::{collections::BTreeMap, fmt, net::TcpStream, time::Duration};

use rdkafka::{ClientConfig, error::RDKafkaErrorCode, mocking::MockCoordinator};
use tokio::sync::oneshot;

#[cfg(feature = "testing")]
use super::elsewhere::Elsewhere;
use super::{
    Event, TIMEOUT,
    clients::Looks,
    fault::{Fault, is_topic_name},
    host::Host,
    read,
    topics::{NO_GROUP, Topics},
};
use crate::{
    ConsumerConfig,
    client::ClientLog,
    config::OffsetReset,
    error::{Error, Result},
    native::{Answer, Committed, Delivery, committed},
    record::OwnedRecord,
    send::{LARGEST_RECORD, RawProducer},
};

/// A cluster inside the process. It ends when it is dropped, and says nothing then.
pub struct Cluster {
    bootstrap_servers: String,
    topics: Topics,
    // In the order in which they are dropped: the cluster last, after all that uses it.
    producer: RawProducer,
    pub(super) looks: Looks,
    place: Place,
}

/// Where the brokers are.
enum Place {
    Inside(Host),
    #[cfg(feature = "testing")]
    Elsewhere(Elsewhere),
}

impl Cluster {
    /// Starts a cluster of one broker.
    ///
    /// # Errors
    /// If librdkafka cannot start it: no free port, no thread.
    pub fn start() -> Result<Self> {
        Self::with_brokers(1)
    }

    /// Starts a cluster of several brokers (at least one).
    ///
    /// # Errors
    /// If librdkafka cannot start it: no free port, no thread.
    pub fn with_brokers(brokers: u8) -> Result<Self> {
        let host = Host::start(i32::from(brokers.max(1)))?;
        let bootstrap_servers = host.with(|mock| Ok(mock.bootstrap_servers()))?;
        let mut settings = ClientConfig::new();
        settings
            .set("bootstrap.servers", &bootstrap_servers)
            .set("linger.ms", "0")
            .set("message.max.bytes", LARGEST_RECORD);
        let log = ClientLog::new("embedded".into(), &settings);
        let producer = RawProducer::new(log, settings).map_err(Error::other)?;
        let (looks, thread) = Looks::start(bootstrap_servers.clone())?;
        host.outlives(thread);
        let place = Place::Inside(host);
        Ok(Self { bootstrap_servers, topics: Topics::default(), producer, looks, place })
    }

    /// A cluster that runs elsewhere.
    ///
    /// # Errors
    /// If there is no client of it.
    #[cfg(feature = "testing")]
    pub(crate) fn at(servers: &str) -> Result<Self> {
        let mut settings = ClientConfig::new();
        settings
            .set("bootstrap.servers", servers)
            .set("linger.ms", "0")
            .set("message.max.bytes", LARGEST_RECORD)
            .set("partitioner", "murmur2_random");
        let log = ClientLog::new("test".into(), &settings);
        let producer = RawProducer::new(log, settings).map_err(Error::other)?;
        let (looks, _) = Looks::start(servers.to_owned())?;
        let place = Place::Elsewhere(Elsewhere::at(servers).map_err(Error::other)?);
        Ok(Self { bootstrap_servers: servers.to_owned(), topics: Topics::default(), producer, looks, place })
    }

    /// The cluster in this process.
    fn host(&self) -> Result<&Host> {
        match &self.place {
            Place::Inside(host) => Ok(host),
            #[cfg(feature = "testing")]
            Place::Elsewhere(_) => Err(Error::other(Fault::Gone)),
        }
    }

    /// Makes a topic elsewhere, and waits until it is known.
    #[cfg(feature = "testing")]
    pub(crate) async fn create_topic_elsewhere(&self, name: &str, partitions: u16) -> Result<()> {
        let Place::Elsewhere(elsewhere) = &self.place else { return self.create_topic(name, partitions) };
        elsewhere.create_topic(name, partitions).await.map_err(Error::other)?;
        self.until_topic(name).await
    }

    /// Deletes topics, if that is to be done at all: those in this process end with it.
    #[cfg(feature = "testing")]
    pub(crate) async fn delete_topics_elsewhere(&self, topics: &[String]) {
        if let Place::Elsewhere(elsewhere) = &self.place {
            elsewhere.delete_topics(topics).await;
        }
    }

    /// The addresses of the brokers, as `bootstrap_servers` takes them.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The configuration of a consumer of this cluster, with settings for tests. What else a test needs can be set on it.
    ///
    /// | setting | value | why |
    /// |---|---|---|
    /// | `auto_offset_reset` | `earliest` | an event may be sent before the service has started |
    /// | `commit_interval` | 50 ms | a test need not wait for a commit |
    /// | `group.protocol` | `consumer` | the mock cluster's classic protocol takes a second for the first join and up to the session timeout for each rebalance, during which it refuses commits; with the new one a member joins, and leaves, within a few heartbeats of 50 ms |
    /// | `fetch.wait.max.ms` | 10 | the mock cluster answers a fetch that found nothing only when this has passed |
    ///
    /// Properties of the classic protocol (`session.timeout.ms`, `partition.assignment.strategy`) are rejected with it. For a test that
    /// needs them, or a configuration of your own, use [`bootstrap_servers`](Self::bootstrap_servers); and one group keeps to one protocol.
    pub fn config(
        &self,
        topics: impl IntoIterator<Item: Into<String>>,
        group: impl Into<String>,
    ) -> ConsumerConfig {
        ConsumerConfig::new(topics)
            .bootstrap_servers(&self.bootstrap_servers)
            .group_id(group)
            .auto_offset_reset(OffsetReset::Earliest)
            .commit_interval(Duration::from_millis(50))
            .property("group.protocol", "consumer")
            .property("fetch.wait.max.ms", 10)
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// If the name is none (1 to 249 characters of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`, neither `.` nor `..`), if it has no
    /// partition, or if it exists.
    pub fn create_topic(&self, name: &str, partitions: u16) -> Result<()> {
        let topic = name.to_owned();
        if !is_topic_name(name) {
            return Err(Error::other(Fault::BadName { name: topic }));
        }
        if partitions == 0 {
            return Err(Error::other(Fault::NoPartitions { topic }));
        }
        let created =
            self.host()?.with(move |mock| match mock.create_topic(&topic, i32::from(partitions), 1) {
                Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAlreadyExists) => {
                    Ok(Err(Fault::TopicExists { topic }))
                }
                other => other.map(Ok),
            });
        created?.map_err(Error::other)?;
        self.topics.add(name, partitions.into());
        Ok(())
    }

    /// Stops a broker (the first is 1): connections to it break and fail until [`broker_up`](Self::broker_up).
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn broker_down(&self, broker: u8) -> Result<()> {
        // The mock cluster closes its socket and binds another to the same port. Should somebody be given the port in between, it
        // aborts the process; a port that has a connection is given to nobody.
        let _connection = self.connect(broker);
        self.host()?.with(move |mock| {
            // Answered in the loop that accepts connections: when it is done, so is that. The group is nobody's.
            mock.coordinator(MockCoordinator::Group(NO_GROUP.to_owned()), 1)?;
            mock.broker_down(i32::from(broker))
        })
    }

    fn connect(&self, broker: u8) -> Option<TcpStream> {
        let address = self.bootstrap_servers.split(',').nth(usize::from(broker).checked_sub(1)?)?;
        TcpStream::connect(address).ok()
    }

    /// Starts a broker again.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn broker_up(&self, broker: u8) -> Result<()> {
        self.host()?.with(move |mock| mock.broker_up(i32::from(broker)))
    }

    /// Delays every answer of a broker.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn round_trip_time(&self, broker: u8, delay: Duration) -> Result<()> {
        self.host()?.with(move |mock| mock.broker_round_trip_time(i32::from(broker), delay))
    }

    /// Sends an event and waits for the broker's acknowledgement; its partition and offset.
    ///
    /// # Errors
    /// If there is no such topic (the error names those that there are) or partition, the event is too large, or the broker does not
    /// acknowledge it.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the event back.
    pub async fn send(&self, event: Event) -> Result<(i32, i64)> {
        let headers = event.raw_headers();
        let raw = event.as_raw(&headers);
        self.check_partition(raw.topic, raw.partition).await?;
        self.producer.send(raw).await.map_err(|code| not_sent(event.topic(), code))
    }

    /// Sends events, in order, without waiting for one before the next; then waits for all acknowledgements. Any number of events:
    /// while the producer's queue is full, it waits for room.
    ///
    /// # Errors
    /// Of the first event for which [`send`](Self::send) would fail. Those before it are sent. Those behind it are not if the event could
    /// not be queued (unknown topic or partition, too large); if the broker did not acknowledge it, they may be.
    ///
    /// # Cancel safety
    /// Dropping the future does not take back what is queued. Events that are not are lost.
    pub async fn send_all(&self, events: impl IntoIterator<Item = Event>) -> Result<()> {
        let mut pending = Vec::new();
        let mut fault = None;
        for event in events {
            match self.enqueue(&event).await {
                Ok(delivery) => pending.push((event.into_topic(), delivery)),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        for (topic, delivery) in pending {
            let delivery = delivery.await.unwrap_or(Err(RDKafkaErrorCode::BrokerDestroy));
            delivery.map_err(|code| not_sent(&topic, code))?;
        }
        fault.map_or(Ok(()), Err)
    }

    /// Puts an event into the producer's queue, once there is room.
    async fn enqueue(&self, event: &Event) -> Result<oneshot::Receiver<Delivery>> {
        let headers = event.raw_headers();
        let raw = event.as_raw(&headers);
        self.check_partition(raw.topic, raw.partition).await?;
        loop {
            let (answer, answered) = oneshot::channel();
            match self.producer.enqueue(raw, Answer::One(answer)) {
                Ok(()) => return Ok(answered),
                Err(RDKafkaErrorCode::QueueFull) => self.producer.room().await,
                Err(code) => return Err(not_sent(event.topic(), code)),
            }
        }
    }

    /// The offsets that a group has committed of a topic, by partition; partitions without one are left out.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, i64>> {
        let partitions = self.partitions(topic).await?;
        let (name, what) =
            (topic.to_owned(), format!("the committed offsets of group `{group}` are not known"));
        let offsets = self.looks.ask(group, move |client| {
            let wanted = (0..).take(partitions).map(|partition| (&*name, partition));
            let refused = |code| Fault::Refused { what: what.clone(), code };
            let found = committed(client.handle(), wanted, TIMEOUT).map_err(refused)?;
            let offset =
                |found: Committed| found.offset.map(|offset| Some((found.partition, offset?))).transpose();
            found.into_iter().filter_map(offset).collect::<Result<_, _>>().map_err(refused)
        });
        offsets.await.map_err(Error::other)
    }

    /// All records that are in a topic now, with their headers, partition by partition: the dead letters of a service, or what it wrote.
    ///
    /// # Errors
    /// If there is no such topic, or it cannot be read.
    pub async fn records(&self, topic: &str) -> Result<Vec<OwnedRecord>> {
        let partitions = self.partitions(topic).await?;
        let topic = topic.to_owned();
        let records = self.looks.ask(NO_GROUP, move |client| read::read(client, &topic, partitions));
        records.await.map_err(Error::other)
    }

    /// How many partitions a topic has.
    pub(crate) async fn partitions(&self, topic: &str) -> Result<usize> {
        self.topics.partitions(topic, &self.looks).await.map_err(Error::other)
    }

    pub(super) async fn check_partition(&self, topic: &str, partition: Option<i32>) -> Result<()> {
        let partitions = self.partitions(topic).await?;
        match partition {
            Some(partition) if usize::try_from(partition).is_ok_and(|partition| partition < partitions) => {
                Ok(())
            }
            None => Ok(()),
            Some(partition) => {
                Err(Error::other(Fault::UnknownPartition { topic: topic.to_owned(), partition, partitions }))
            }
        }
    }
}

fn not_sent(topic: &str, code: RDKafkaErrorCode) -> Error {
    Error::other(Fault::Refused { what: format!("an event of topic `{topic}` was not sent"), code })
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("bootstrap_servers", &self.bootstrap_servers).finish_non_exhaustive()
    }
}
