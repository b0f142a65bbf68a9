use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::Notify;

use super::{Log, murmur2};
use crate::{
    native::{Answer, RawRecord},
    record::{OwnedRecord, Timestamp, TimestampKind},
    send::Sends,
    settle::Commit,
};

/// Topics, and what producers have written to them.
#[derive(Clone, Default)]
pub(crate) struct Cluster(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when there is a topic more.
    has_new_topic: Notify,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    /// All that producers have written, in order.
    produced: Vec<Produced>,
    /// What is answered to records for a topic, in place of an acknowledgement.
    refusals: BTreeMap<String, Refusals>,
    /// What groups have committed, by group, topic and partition.
    committed: BTreeMap<(String, String, i32), Commit>,
    /// Acknowledgements that are held back; `None` if none is to be.
    held: Option<Vec<(Answer, (i32, i64))>>,
    /// How many more records producers have room for.
    room: Option<usize>,
    /// Why producers take no record, if they take none.
    #[cfg(test)]
    untaken: Option<RDKafkaErrorCode>,
}

#[derive(Default)]
struct Refusals {
    /// Of the next records.
    next: VecDeque<RDKafkaErrorCode>,
    /// Of all behind them.
    all: Option<RDKafkaErrorCode>,
}

#[derive(Debug)]
struct Topic {
    partitions: Vec<Partition>,
    /// Where the next record without a key goes.
    turn: usize,
}

#[derive(Debug, Default)]
struct Partition {
    log: Log,
    end: i64,
}

/// A record that a producer has written.
#[derive(Clone, Debug)]
pub(crate) struct Produced {
    pub(crate) by: Sends,
    pub(crate) record: OwnedRecord,
}

impl Topic {
    fn new(partitions: usize) -> Self {
        let partitions = std::iter::repeat_with(Partition::default).take(partitions.max(1));
        Self { partitions: partitions.collect(), turn: 0 }
    }

    fn partition_for(&mut self, record: &RawRecord<'_>) -> Result<usize, RDKafkaErrorCode> {
        let all = self.partitions.len();
        match (record.partition, record.key) {
            (Some(partition), _) => usize::try_from(partition)
                .ok()
                .filter(|partition| *partition < all)
                .ok_or(RDKafkaErrorCode::UnknownPartition),
            (None, Some(key)) => Ok(murmur2::partition_of(key, all)),
            (None, None) => {
                self.turn = (self.turn + 1) % all;
                Ok(self.turn)
            }
        }
    }
}

impl Cluster {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a topic of so many partitions, unless it is there.
    pub(crate) fn create_topic(&self, name: &str, partitions: usize) {
        let is_new = self.state().create(name, partitions);
        if is_new {
            self.0.has_new_topic.notify_one();
        }
    }

    /// Waits until there is a topic more. One waits at a time.
    pub(crate) async fn new_topic(&self) {
        self.0.has_new_topic.notified().await;
    }

    /// The names of all topics.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.state().topics.keys().cloned().collect()
    }

    /// How many partitions a topic has, if it is there.
    pub(crate) fn partitions(&self, topic: &str) -> Option<usize> {
        Some(self.state().topics.get(topic)?.partitions.len())
    }

    /// What is written to a partition.
    pub(crate) fn log(&self, topic: &str, partition: usize) -> Option<Log> {
        Some(self.state().topics.get(topic)?.partitions.get(partition)?.log.clone())
    }

    /// All records of a topic, partition by partition.
    pub(crate) fn records(&self, topic: &str) -> Vec<OwnedRecord> {
        let state = self.state();
        let partitions = state.topics.get(topic).map_or(&[][..], |topic| &topic.partitions);
        partitions.iter().flat_map(|partition| partition.log.records()).collect()
    }

    /// All that producers have written, in order.
    pub(crate) fn produced(&self) -> Vec<Produced> {
        self.state().produced.clone()
    }

    /// The next records for `topic` are answered with these errors, and not written.
    pub(crate) fn refuse(&self, topic: &str, codes: impl IntoIterator<Item = RDKafkaErrorCode>) {
        self.state().refusals.entry(topic.to_owned()).or_default().next.extend(codes);
    }

    /// All records for `topic` are answered with this error, and not written.
    pub(crate) fn refuse_all(&self, topic: &str, code: RDKafkaErrorCode) {
        self.state().refusals.entry(topic.to_owned()).or_default().all = Some(code);
    }

    /// Records for `topic` are refused no more.
    pub(crate) fn accept(&self, topic: &str) {
        self.state().refusals.remove(topic);
    }

    /// The offset behind all that is written to a partition; 0 if there is no such partition.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> i64 {
        let state = self.state();
        let partitions = state.topics.get(topic).map(|topic| &topic.partitions);
        let partition = partitions.zip(usize::try_from(partition).ok());
        partition.and_then(|(all, number)| all.get(number)).map_or(0, |partition| partition.end)
    }

    pub(super) fn commit(&self, group: &str, topic: &str, partition: i32, commit: Commit) {
        self.state().committed.insert((group.to_owned(), topic.to_owned(), partition), commit);
    }

    /// What a group has committed of a partition.
    pub(crate) fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<Commit> {
        let state = self.state();
        state.committed.get(&(group.to_owned(), topic.to_owned(), partition)).cloned()
    }

    /// From now on acknowledgements are held back, until they are [let go](Self::acknowledge).
    pub(crate) fn hold_acknowledgements(&self) {
        self.state().held.get_or_insert_default();
    }

    /// Gives all acknowledgements that were held back, and holds back no more.
    pub(crate) fn acknowledge(&self) {
        let held = self.state().held.take();
        // Without the lock: whoever is told may produce.
        for (answer, (partition, offset)) in held.into_iter().flatten() {
            answer.tell(Ok((partition, offset)));
        }
    }

    /// Producers have room for so many more records; `None` for no limit.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests of lanes need it"))]
    pub(crate) fn limit_room(&self, room: Option<usize>) {
        self.state().room = room;
    }

    /// Producers take no records, for this reason.
    #[cfg(test)]
    pub(crate) fn take_nothing(&self, code: RDKafkaErrorCode) {
        self.state().untaken = Some(code);
    }

    /// Writes a record of a test, whatever is said to producers. Where it was written.
    ///
    /// # Errors
    /// If the topic has no such partition.
    pub(crate) fn write(&self, record: &RawRecord<'_>) -> Result<(i32, i64), RDKafkaErrorCode> {
        self.create_topic(record.topic, 1);
        let (partition, offset, _) = self.state().write(record)?;
        Ok((partition, offset))
    }

    /// Writes a record, to a topic of one partition if there is none; `answer` is told.
    ///
    /// # Errors
    /// As with a producer to Kafka; then `answer` is told nothing.
    pub(crate) fn produce(
        &self,
        record: RawRecord<'_>,
        by: Sends,
        answer: Answer,
    ) -> Result<(), RDKafkaErrorCode> {
        self.create_topic(record.topic, 1);
        let mut state = self.state();
        #[cfg(test)]
        state.untaken.map_or(Ok(()), Err)?;
        if answer.has_unheard_failures() {
            return Err(RDKafkaErrorCode::Retry);
        }
        if let Some(room) = &mut state.room {
            *room = room.checked_sub(1).ok_or(RDKafkaErrorCode::QueueFull)?;
        }
        let written = state.produce(&record, by);
        match (&mut state.held, written) {
            (Some(held), Ok(written)) => held.push((answer, written)),
            (_, written) => {
                drop(state);
                answer.tell(written);
            }
        }
        Ok(())
    }
}

impl State {
    /// Whether it was not there.
    fn create(&mut self, name: &str, partitions: usize) -> bool {
        let is_new = !self.topics.contains_key(name);
        if is_new {
            self.topics.insert(name.to_owned(), Topic::new(partitions));
        }
        is_new
    }

    fn produce(&mut self, record: &RawRecord<'_>, by: Sends) -> Result<(i32, i64), RDKafkaErrorCode> {
        let refusals = self.refusals.get_mut(record.topic);
        if let Some(code) = refusals.and_then(|refusals| refusals.next.pop_front().or(refusals.all)) {
            return Err(code);
        }
        let (partition, offset, written) = self.write(record)?;
        self.produced.push(Produced { by, record: written });
        Ok((partition, offset))
    }

    fn write(&mut self, record: &RawRecord<'_>) -> Result<(i32, i64, OwnedRecord), RDKafkaErrorCode> {
        let topic = self.topics.get_mut(record.topic).ok_or(RDKafkaErrorCode::UnknownTopicOrPartition)?;
        let index = topic.partition_for(record)?;
        let number = i32::try_from(index).map_err(|_| RDKafkaErrorCode::UnknownPartition)?;
        let partition = &mut topic.partitions[index];
        let offset = partition.end;
        partition.end += 1;
        let written = owned(record, number, offset);
        partition.log.write(written.clone());
        Ok((number, offset, written))
    }
}

fn owned(record: &RawRecord<'_>, partition: i32, offset: i64) -> OwnedRecord {
    let now = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    };
    let millis = record.timestamp.unwrap_or_else(now);
    let mut owned = OwnedRecord::new(record.topic, partition, offset)
        .timestamp(Timestamp::new(millis, TimestampKind::Create));
    if let Some(key) = record.key {
        owned = owned.key(key);
    }
    if let Some(payload) = record.payload {
        owned = owned.payload(payload);
    }
    record.headers.iter().fold(owned, |owned, (name, value)| match value {
        Some(value) => owned.header(*name, *value),
        None => owned.null_header(*name),
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::native::Delivery;

    fn send(cluster: &Cluster, record: RawRecord<'_>) -> Result<Delivery, RDKafkaErrorCode> {
        let (answer, mut answered) = oneshot::channel();
        cluster.produce(record, Sends::Events, Answer::One(answer))?;
        Ok(answered.try_recv().expect("it is answered at once"))
    }

    fn record(key: Option<&'static [u8]>) -> RawRecord<'static> {
        const HEADERS: &[crate::native::RawHeader<'static>] = &[(b"name", Some(b"value")), (b"null", None)];
        RawRecord {
            topic: "orders",
            partition: None,
            key,
            payload: Some(b"7"),
            headers: HEADERS,
            timestamp: Some(99),
        }
    }

    #[test]
    fn a_key_has_a_partition_and_what_has_none_goes_round() {
        let cluster = Cluster::default();
        cluster.create_topic("orders", 4);
        let first = send(&cluster, record(Some(b"21"))).unwrap().unwrap();
        // Java's hash of "21" is -973932308, whose lower 31 bits are divisible by four.
        assert_eq!(first, (0, 0));
        assert_eq!(send(&cluster, record(Some(b"21"))), Ok(Ok((0, 1))));
        let mut partitions: Vec<_> =
            (0..4).map(|_| send(&cluster, record(None)).unwrap().unwrap().0).collect();
        partitions.sort_unstable();
        assert_eq!((partitions, cluster.partitions("orders")), (vec![0, 1, 2, 3], Some(4)));
        let nowhere = RawRecord { partition: Some(4), ..record(None) };
        assert_eq!(send(&cluster, nowhere), Ok(Err(RDKafkaErrorCode::UnknownPartition)));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let cluster = Cluster::default();
        send(&cluster, record(Some(b"k"))).unwrap().unwrap();
        let [Produced { by: Sends::Events, record }] = &cluster.produced()[..] else {
            panic!("{:?}", cluster.produced())
        };
        let record = record.as_record();
        assert_eq!((record.topic(), record.partition(), record.offset()), ("orders", 0, 0));
        assert_eq!((record.key(), record.payload()), (Some(&b"k"[..]), Some(&b"7"[..])));
        assert_eq!(record.headers().get("name"), Some(&b"value"[..]));
        assert_eq!(record.timestamp().map(|timestamp| timestamp.millis), Some(99));
        assert!(cluster.log("orders", 0).is_some() && cluster.log("orders", 1).is_none());
    }

    #[test]
    fn refusals_and_a_full_queue_write_nothing() {
        let cluster = Cluster::default();
        cluster.refuse("orders", [RDKafkaErrorCode::InvalidRecord]);
        assert_eq!(send(&cluster, record(None)), Ok(Err(RDKafkaErrorCode::InvalidRecord)));
        cluster.limit_room(Some(1));
        assert_eq!(send(&cluster, record(None)), Ok(Ok((0, 0))));
        assert_eq!(send(&cluster, record(None)), Err(RDKafkaErrorCode::QueueFull));
        assert_eq!(cluster.produced().len(), 1);
    }
}
