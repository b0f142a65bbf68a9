//! How long a record takes from the producer's call to the handler's, at a steady thousand records per second.
//!
//! evkafka and the hand-written loop run at the same time, each in a group of its own, and are fed [together](Feed::Together) or
//! [in turn](Feed::InTurn). How good the measure is, `--against-itself yes` tells: the loop takes evkafka's place.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use evkafka::{App, handler, router};
use evkafka_tests::options::Options;
use rdkafka::{
    ClientConfig, Message,
    consumer::Consumer,
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

use crate::{framework, loops, produce};

/// One each millisecond.
const RECORDS: usize = 10_000;
/// The first are not counted: connections are made, code is loaded.
const WARM_UP: usize = 1_000;
/// How many records one gets before it is the other's turn.
const TURN: usize = 100;

/// Who gets which records.
#[derive(Clone, Copy, PartialEq)]
enum Feed {
    /// Both the same: what a garbage collection of the broker costs, say, it costs both, so this is for the 99th percentile. But
    /// the broker answers one of them first, mostly the same one for the whole run, and the other is up to 10 % behind.
    Together,
    /// Each has a topic of its own, and one gets records for a tenth of a second, then the other: none is in the other's way, so
    /// this is for the median.
    InTurn,
}

static STARTED: Mutex<Option<Instant>> = Mutex::new(None);

fn now() -> Duration {
    STARTED.lock().expect("no panic").get_or_insert_with(Instant::now).elapsed()
}

/// What one of the two has received.
struct Receiver {
    latencies: Mutex<Vec<Duration>>,
    /// It has its partitions.
    ready: AtomicBool,
}

static OURS: Receiver = Receiver::new();
static THEIRS: Receiver = Receiver::new();

impl Receiver {
    const fn new() -> Self {
        Self { latencies: Mutex::new(Vec::new()), ready: AtomicBool::new(false) }
    }

    /// A payload is the time when it was sent; zero says nothing but that the consumer is there.
    fn received(&self, sent: u64) {
        self.ready.store(true, Ordering::Release);
        if sent > 0 {
            let latency = now() - Duration::from_nanos(sent);
            self.latencies.lock().expect("no panic").push(latency);
        }
    }

    fn is_done(&self) -> bool {
        self.latencies.lock().expect("no panic").len() >= RECORDS
    }

    /// The 50th and the 99th percentile.
    fn percentiles(&self) -> [u128; 2] {
        let mut latencies = self.latencies.lock().expect("no panic").split_off(WARM_UP);
        latencies.sort_unstable();
        [50, 99].map(|part| latencies[latencies.len() * part / 100].as_micros())
    }
}

#[handler(event = "Ping")]
async fn on_ping(sent: u64) {
    OURS.received(sent);
}

/// `bench latency --feed together|in-turn`: prints the 50th and the 99th percentile of both in microseconds.
pub(crate) fn latency(options: &Options) {
    let brokers = options.text("brokers").to_owned();
    let feed = match options.text("feed") {
        "together" => Feed::Together,
        "in-turn" => Feed::InTurn,
        other => panic!("--feed is together or in-turn, not {other}"),
    };
    let topic = |of: &str| format!("{}-latency-{}-{of}", options.text("topic"), std::process::id());
    let topics = match feed {
        Feed::Together => [topic("both"), topic("both")],
        Feed::InTurn => [topic("ours"), topic("theirs")],
    };
    produce::create(&brokers, &topics[0], 8);
    if feed == Feed::InTurn {
        produce::create(&brokers, &topics[1], 8);
    }
    thread::scope(|scope| {
        scope.spawn(|| send(&brokers, &topics, feed));
        scope.spawn(|| hand_written(&brokers, &topics[1], &THEIRS));
        if options.has("against-itself") {
            hand_written(&brokers, &topics[0], &OURS);
        } else {
            ours(&brokers, &topics[0]);
        }
    });
    let ([p50, p99], [loop_p50, loop_p99]) = (OURS.percentiles(), THEIRS.percentiles());
    println!("p50={p50} p99={p99} loop-p50={loop_p50} loop-p99={loop_p99}");
}

fn ours(brokers: &str, topic: &str) {
    let app = App::new("bench").consumer("bench", framework::config(brokers, topic), router![on_ping]);
    let until = async {
        while !OURS.is_done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    framework::runtime().block_on(app.run_until(until)).expect("the app runs");
}

fn hand_written(brokers: &str, topic: &str, receiver: &Receiver) {
    let consumer = loops::consumer(brokers, topic, loops::Tuning::Tuned);
    while !receiver.is_done() {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.expect("a record");
        assert_eq!(loops::event_type(&message), Some(&b"Ping"[..]));
        receiver.received(serde_json::from_slice(message.payload().expect("a payload")).expect("a number"));
        consumer.store_offset_from_message(&message).expect("stored");
    }
}

fn send(brokers: &str, topics: &[String; 2], feed: Feed) {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "0")
        .create()
        .expect("a producer");
    let send = |topic: &str, partition: usize, payload: u64| {
        let headers = OwnedHeaders::new().insert(Header { key: "Event-Type", value: Some("Ping") });
        let payload = payload.to_string();
        let record = BaseRecord::<(), _>::to(topic)
            .partition(i32::try_from(partition % 8).expect("small"))
            .payload(&payload)
            .headers(headers);
        producer.send(record).map_err(|(error, _)| error).expect("there is room");
    };
    while ![&OURS, &THEIRS].iter().all(|receiver| receiver.ready.load(Ordering::Acquire)) {
        topics.iter().for_each(|topic| send(topic, 0, 0));
        thread::sleep(Duration::from_millis(100));
    }
    let begun = Instant::now();
    let records = if feed == Feed::Together { RECORDS } else { 2 * RECORDS };
    for n in 0..records {
        thread::sleep((begun + Duration::from_millis(n as u64)).saturating_duration_since(Instant::now()));
        send(&topics[n / TURN % 2], n, u64::try_from(now().as_nanos()).expect("not so long"));
    }
    producer.flush(Duration::from_secs(30)).expect("all acknowledged");
}
