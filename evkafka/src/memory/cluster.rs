use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use rdkafka::error::RDKafkaErrorCode;

use super::{Log, murmur2};
use crate::{
    native::{Answer, RawRecord},
    record::{OwnedRecord, Timestamp, TimestampKind},
};

/// Topics, and what producers have written to them.
#[derive(Clone, Default)]
pub(crate) struct Cluster(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    /// All that was written, in order.
    produced: Vec<Produced>,
    /// What is answered to the next records for a topic, in place of an acknowledgement.
    refusals: BTreeMap<String, VecDeque<RDKafkaErrorCode>>,
    /// Acknowledgements that are held back; `None` if none is to be.
    held: Option<Vec<(Answer, (i32, i64))>>,
    /// How many more records producers have room for.
    room: Option<usize>,
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

/// A record that was written.
#[derive(Clone, Debug)]
pub(crate) struct Produced {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a topic of so many partitions, unless it is there.
    pub(crate) fn create_topic(&self, name: &str, partitions: usize) {
        let mut state = self.state();
        state.topics.entry(name.to_owned()).or_insert_with(|| Topic::new(partitions));
    }

    /// How many partitions a topic has, if it is there.
    pub(crate) fn partitions(&self, topic: &str) -> Option<usize> {
        Some(self.state().topics.get(topic)?.partitions.len())
    }

    /// What is written to a partition.
    pub(crate) fn log(&self, topic: &str, partition: usize) -> Option<Log> {
        Some(self.state().topics.get(topic)?.partitions.get(partition)?.log.clone())
    }

    /// All that was written, in order.
    pub(crate) fn produced(&self) -> Vec<Produced> {
        self.state().produced.clone()
    }

    /// The next records for `topic` are answered with these errors, and not written.
    pub(crate) fn refuse(&self, topic: &str, codes: impl IntoIterator<Item = RDKafkaErrorCode>) {
        self.state().refusals.entry(topic.to_owned()).or_default().extend(codes);
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
    pub(crate) fn limit_room(&self, room: Option<usize>) {
        self.state().room = room;
    }

    /// Writes a record, to a topic of one partition if there is none; `answer` is told.
    ///
    /// # Errors
    /// If there is no room; then `answer` is told nothing.
    pub(crate) fn produce(&self, record: RawRecord<'_>, answer: Answer) -> Result<(), RDKafkaErrorCode> {
        let mut state = self.state();
        if let Some(room) = &mut state.room {
            *room = room.checked_sub(1).ok_or(RDKafkaErrorCode::QueueFull)?;
        }
        let refusal = state.refusals.get_mut(record.topic).and_then(VecDeque::pop_front);
        let written = refusal.map_or_else(|| state.write(&record), Err);
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
    fn write(&mut self, record: &RawRecord<'_>) -> Result<(i32, i64), RDKafkaErrorCode> {
        let topic = self.topics.entry(record.topic.to_owned()).or_insert_with(|| Topic::new(1));
        let index = topic.partition_for(record)?;
        let number = i32::try_from(index).map_err(|_| RDKafkaErrorCode::UnknownPartition)?;
        let partition = &mut topic.partitions[index];
        let offset = partition.end;
        partition.end += 1;
        let written = owned(record, number, offset);
        partition.log.write(written.clone());
        let topic = record.topic.to_owned();
        self.produced.push(Produced { topic, partition: number, offset, record: written });
        Ok((number, offset))
    }
}

fn owned(record: &RawRecord<'_>, partition: i32, offset: i64) -> OwnedRecord {
    let now = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    };
    let millis = record.timestamp.unwrap_or_else(now);
    let mut owned = OwnedRecord::new(record.topic, partition, offset)
        .timestamp(Timestamp { millis, kind: TimestampKind::Create });
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
        cluster.produce(record, Answer::One(answer))?;
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
        let [Produced { topic, partition: 0, offset: 0, record }] = &cluster.produced()[..] else {
            panic!("{:?}", cluster.produced())
        };
        let record = record.as_record();
        assert_eq!((&**topic, record.key(), record.payload()), ("orders", Some(&b"k"[..]), Some(&b"7"[..])));
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
