//! A process that sends an event for each record that it handles: nothing is lost, and no offset is committed before its events are
//! acknowledged. Both are read back from the brokers.

mod crashes;
mod faults;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::{Duration, Instant},
};

use evkafka_tests::{
    kafka::{self, Record},
    process::{ChildProcess, Signal},
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use serde::Deserialize;

use crate::support::{DEADLINE, terminate};

/// An event that was sent: the order, and the record that it is for.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Forwarded {
    id: u64,
    partition: i32,
    offset: i64,
    /// The partition that the event is in.
    #[serde(skip)]
    written_to: i32,
}

/// A topic of orders, a group that handles them, and the topic that their events are sent to.
struct Flow {
    brokers: String,
    topic: String,
    group: String,
    out: Output,
}

impl Flow {
    fn new(name: &str) -> Self {
        Self::onto(name, &kafka::brokers(), &kafka::brokers())
    }

    /// The orders are on one cluster, the events on the other.
    fn onto(name: &str, brokers: &str, out_brokers: &str) -> Self {
        let out = kafka::create_topic(out_brokers, &format!("{name}-out"), PARTITIONS);
        Self::into(name, brokers, Output::new(out_brokers, &out))
    }

    fn into(name: &str, brokers: &str, out: Output) -> Self {
        let topic = kafka::create_topic(brokers, name, PARTITIONS);
        Self { brokers: brokers.to_owned(), topic, group: kafka::unique(name), out }
    }

    /// Writes orders with these numbers.
    fn produce(&self, ids: std::ops::Range<u64>) {
        let order =
            |id: u64| Record::new(id.to_string()).key(id.to_string()).header("Event-Type", "OrderCreated");
        kafka::produce(&self.brokers, &self.topic, ids.map(order));
    }

    /// Starts a process that handles them.
    fn forwarder(&self, options: &[(&str, &str)]) -> ChildProcess {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarder"));
        command.args(["--brokers", &self.brokers, "--topic", &self.topic, "--group", &self.group]);
        command.args(["--out-brokers", &self.out.brokers, "--out-topic", &self.out.topic]);
        if let Ok(protocol) = std::env::var("EVKAFKA_TEST_GROUP_PROTOCOL") {
            command.args(["--protocol", &protocol]);
        }
        for (name, value) in options {
            command.args([&format!("--{name}"), *value]);
        }
        ChildProcess::spawn(&mut command)
    }

    fn committed(&self) -> BTreeMap<i32, i64> {
        let offsets = kafka::committed_offsets(&self.brokers, &self.group);
        offsets.into_iter().map(|((_, partition), offset)| (partition, offset)).collect()
    }

    fn until_committed(&self, orders: u64) {
        let deadline = Instant::now() + DEADLINE;
        while self.committed().values().sum::<i64>().cast_unsigned() < orders {
            assert!(Instant::now() < deadline, "of {orders} orders are committed: {:?}", self.committed());
        }
    }

    /// Every record below a committed offset has its event in the output. How many records are committed.
    fn assert_committed_is_sent(&mut self) -> u64 {
        // First: an event that comes after it proves nothing.
        let committed = self.committed();
        self.assert_is_sent(&committed)
    }

    fn assert_is_sent(&mut self, committed: &BTreeMap<i32, i64>) -> u64 {
        let sent: BTreeSet<(i32, i64)> =
            self.out.read().iter().map(|event| (event.partition, event.offset)).collect();
        let records =
            || committed.iter().flat_map(|(partition, end)| (0..*end).map(move |at| (*partition, at)));
        let missing: Vec<_> = records().filter(|record| !sent.contains(record)).collect();
        let count = records().count();
        assert!(
            missing.is_empty(),
            "{} of {count} records are committed without their events, first {:?}",
            missing.len(),
            &missing[..missing.len().min(5)]
        );
        count as u64
    }

    /// Waits until all orders are committed, ends the process in order, and looks whether all events are there. How many were sent more
    /// than once.
    fn finish(&mut self, process: ChildProcess, orders: u64) -> usize {
        self.until_committed(orders);
        terminate(process);
        assert_eq!(self.assert_committed_is_sent(), orders);
        let ids: Vec<u64> = self.out.read().iter().map(|event| event.id).collect();
        let distinct: BTreeSet<u64> = ids.iter().copied().collect();
        assert!(distinct.iter().copied().eq(0..orders), "{} of {orders} events are there", distinct.len());
        ids.len() - distinct.len()
    }
}

const PARTITIONS: i32 = 4;

/// Reads a topic of events, from its beginning on.
struct Output {
    brokers: String,
    topic: String,
    consumer: BaseConsumer,
    next: BTreeMap<i32, i64>,
    events: Vec<Forwarded>,
}

impl Output {
    fn new(brokers: &str, topic: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", kafka::unique("reader"))
            .set("enable.auto.commit", "false")
            .create()
            .expect("the consumer is configured");
        let mut all = TopicPartitionList::new();
        let partitions = 0..PARTITIONS;
        for partition in partitions.clone() {
            all.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
        }
        consumer.assign(&all).expect("assigned");
        Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            consumer,
            next: partitions.map(|partition| (partition, 0)).collect(),
            events: Vec::new(),
        }
    }

    fn ends(&self) -> BTreeMap<i32, i64> {
        self.next.keys().map(|&partition| (partition, self.end(partition))).collect()
    }

    fn end(&self, partition: i32) -> i64 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.consumer.fetch_watermarks(&self.topic, partition, Duration::from_secs(5)) {
                Ok((_, end)) => return end,
                // The leader is away, and another not known yet.
                Err(error) => assert!(Instant::now() < deadline, "{}[{partition}]: {error}", self.topic),
            }
        }
    }

    /// How many events are there.
    fn len(&self) -> u64 {
        self.ends().values().sum::<i64>().cast_unsigned()
    }

    /// All events that are there by now, those of a partition in their order.
    fn read(&mut self) -> &[Forwarded] {
        let (ends, deadline) = (self.ends(), Instant::now() + DEADLINE);
        while ends.iter().any(|(partition, end)| self.next[partition] < *end) {
            assert!(Instant::now() < deadline, "read to {:?} of {ends:?}", self.next);
            // Errors are of a broker that is away, and pass.
            let Some(Ok(message)) = self.consumer.poll(Duration::from_millis(100)) else { continue };
            let event: Forwarded =
                serde_json::from_slice(message.payload().expect("a payload")).expect("an event");
            self.events.push(Forwarded { written_to: message.partition(), ..event });
            self.next.insert(message.partition(), message.offset() + 1);
        }
        &self.events
    }

    /// Waits until so many events are there.
    fn until_len(&self, wanted: u64) {
        let deadline = Instant::now() + DEADLINE;
        while self.len() < wanted {
            assert!(Instant::now() < deadline, "{} of {wanted} events", self.len());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn kill(mut process: ChildProcess) {
    process.signal(Signal::Kill);
    process.wait(DEADLINE);
}
