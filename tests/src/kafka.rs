//! Apache Kafka for tests: topics, records in, committed offsets out.
//!
//! `scripts/kafka run -- CMD` starts two clusters and tells CMD where they are. What a test of evkafka has to find out
//! about the broker, it finds out with Kafka's own tools: an error that librdkafka makes on both ways would cancel out.

use std::collections::BTreeMap;
use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

/// How long a healthy cluster may take for one request of this module.
const DEADLINE: Duration = Duration::from_secs(60);

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/kafka");

/// The bootstrap servers of the cluster that tests use.
///
/// # Panics
///
/// When the test does not run under `scripts/kafka run`.
#[track_caller]
pub fn brokers() -> String {
    variable("EVKAFKA_TEST_BROKERS")
}

/// Where a secure cluster (`scripts/kafka run --secure`) wants SASL over TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.
///
/// # Panics
///
/// When the test does not run under `scripts/kafka run --secure`.
#[track_caller]
pub fn sasl_brokers() -> String {
    variable("EVKAFKA_TEST_BROKERS_SASL")
}

/// Where a secure cluster wants a certificate of its clients.
///
/// # Panics
///
/// When the test does not run under `scripts/kafka run --secure`.
#[track_caller]
pub fn mtls_brokers() -> String {
    variable("EVKAFKA_TEST_BROKERS_MTLS")
}

/// A file that belongs to a secure cluster: the CA, the client's key, a password.
///
/// # Panics
///
/// When the test does not run under `scripts/kafka run --secure`.
#[track_caller]
pub fn security_file(name: &str) -> PathBuf {
    Path::new(&variable("EVKAFKA_TEST_SECURITY")).join(name)
}

/// Gives a user a password for SCRAM-SHA-256, or takes it away.
///
/// # Panics
///
/// When the tool reports an error.
#[track_caller]
pub fn set_scram_password(bootstrap: &str, user: &str, password: Option<&str>) {
    let change = match password {
        Some(password) => ["--add-config".to_owned(), format!("SCRAM-SHA-256=[password={password}]")],
        None => ["--delete-config".to_owned(), "SCRAM-SHA-256".to_owned()],
    };
    let arguments =
        ["--bootstrap-server", bootstrap, "--alter", "--entity-type", "users", "--entity-name", user];
    let output =
        tool("kafka.admin.ConfigCommand", arguments.into_iter().chain(change.iter().map(String::as_str)), "");
    assert!(output.succeeded, "the password of {user} was not set\n{}{}", output.stdout, output.stderr);
}

/// The bootstrap servers of a second cluster, for services that consume from two.
///
/// # Panics
///
/// When the test does not run under `scripts/kafka run`.
#[track_caller]
pub fn external_brokers() -> String {
    variable("EVKAFKA_TEST_BROKERS_EXTERNAL")
}

#[track_caller]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run the tests that need Kafka through\n    \
             scripts/kafka run -- cargo test -p evkafka-tests --features broker --test broker\n    \
             scripts/kafka run --secure -- cargo test -p evkafka-tests --features secure --test secure"
        )
    })
}

/// A name that no other test has, nor this one the last time: for topics and consumer groups.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{prefix}-{now}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Creates a topic with a [`unique`] name that begins with `prefix`, and returns that name. Each partition has its leader
/// and, in a cluster of several nodes, a replica on every node.
///
/// # Panics
///
/// When the cluster refuses the topic, or has no leaders for it in time.
#[track_caller]
pub fn create_topic(bootstrap: &str, prefix: &str, partitions: i32) -> String {
    let topic = unique(prefix);
    create_topic_called(bootstrap, &topic, partitions);
    topic
}

/// The same with settings of the topic's own.
///
/// # Panics
///
/// When the cluster refuses the topic, or has no leaders for it in time.
#[track_caller]
pub fn create_topic_with(
    bootstrap: &str,
    prefix: &str,
    partitions: i32,
    settings: &[(&str, &str)],
) -> String {
    let topic = unique(prefix);
    create(bootstrap, &topic, partitions, settings);
    topic
}

/// Creates a topic of this name, as [`create_topic`] does; the name may be that of a topic which was deleted.
///
/// # Panics
///
/// When the cluster refuses the topic, or has no leaders for it in time.
#[track_caller]
pub fn create_topic_called(bootstrap: &str, topic: &str, partitions: i32) {
    create(bootstrap, topic, partitions, &[]);
}

/// Creates a topic of this name with one partition and a replica on each of these nodes, of which the first leads it.
///
/// # Panics
///
/// When the cluster refuses the topic, or has no leader for it in time.
#[track_caller]
pub fn create_topic_on(bootstrap: &str, topic: &str, nodes: &[i32], settings: &[(&str, &str)]) {
    create_replicated(bootstrap, topic, 1, TopicReplication::Variable(&[nodes]), settings);
}

#[track_caller]
fn create(bootstrap: &str, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    // The number of replicas is left to the broker.
    create_replicated(bootstrap, topic, partitions, TopicReplication::Fixed(-1), settings);
}

#[track_caller]
fn create_replicated(
    bootstrap: &str,
    topic: &str,
    partitions: i32,
    replication: TopicReplication<'_>,
    settings: &[(&str, &str)],
) {
    let wanted = NewTopic::new(topic, partitions, replication);
    let wanted = [settings.iter().fold(wanted, |topic, (name, value)| topic.set(name, value))];
    let results = block_on(admin(bootstrap).create_topics(&wanted, &admin_options()));
    assert_eq!(results.expect("the cluster answers"), [Ok(topic.to_owned())], "the topic is created");
    await_leaders(bootstrap, topic, partitions);
}

/// Lets everybody read a topic and nobody write to it, on a cluster that was [started with access
/// control](Cluster::start_with_acls).
///
/// # Panics
///
/// When the cluster refuses.
#[track_caller]
pub fn allow_only_reading(bootstrap: &str, topic: &str) {
    allow(bootstrap, topic, "Read");
}

/// Lets everybody write to it too.
///
/// # Panics
///
/// When the cluster refuses.
#[track_caller]
pub fn allow_writing(bootstrap: &str, topic: &str) {
    allow(bootstrap, topic, "Write");
}

/// With it, nobody may do to the topic what no list allows.
#[track_caller]
fn allow(bootstrap: &str, topic: &str, operation: &str) {
    let list = ["--add", "--allow-principal", "User:*", "--operation", operation, "--topic", topic];
    let arguments = ["--bootstrap-server", bootstrap, "--force"].into_iter().chain(list);
    let output = tool("org.apache.kafka.tools.AclCommand", arguments, "");
    assert!(output.succeeded, "{}{}", output.stdout, output.stderr);
}

/// Deletes a topic, and waits until the brokers do not know it any more.
///
/// # Panics
///
/// When the cluster refuses, or takes too long.
#[track_caller]
pub fn delete_topic(bootstrap: &str, topic: &str) {
    let results = block_on(admin(bootstrap).delete_topics(&[topic], &admin_options()));
    assert_eq!(results.expect("the cluster answers"), [Ok(topic.to_owned())], "the topic is deleted");
    let deadline = Instant::now() + DEADLINE;
    while led_partitions(bootstrap, topic) > 0 {
        assert!(Instant::now() < deadline, "{topic} is still there");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Raises a topic's number of partitions to `partitions`.
///
/// # Panics
///
/// When the cluster refuses, or has no leaders for them in time.
#[track_caller]
pub fn add_partitions(bootstrap: &str, topic: &str, partitions: i32) {
    let wanted = [NewPartitions::new(topic, partitions as usize)];
    let results = block_on(admin(bootstrap).create_partitions(&wanted, &admin_options()));
    assert_eq!(results.expect("the cluster answers"), [Ok(topic.to_owned())], "partitions are added");
    await_leaders(bootstrap, topic, partitions);
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    client(bootstrap).create().expect("the admin client is configured")
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(DEADLINE)).request_timeout(Some(DEADLINE))
}

#[track_caller]
fn await_leaders(bootstrap: &str, topic: &str, partitions: i32) {
    // Created is what the controller says; the brokers hear of it a little later.
    let deadline = Instant::now() + DEADLINE;
    loop {
        let led = led_partitions(bootstrap, topic);
        if led == partitions as usize {
            return;
        }
        assert!(Instant::now() < deadline, "{led} of {partitions} partitions of {topic} have a leader");
        thread::sleep(Duration::from_millis(10));
    }
}

/// How many partitions of a topic have a leader; none if there is no such topic.
fn led_partitions(bootstrap: &str, topic: &str) -> usize {
    leaders(bootstrap, topic).len()
}

/// The node that leads partition 0 of a topic, once there is one.
///
/// # Panics
///
/// When there is none in time.
#[track_caller]
pub fn leader(bootstrap: &str, topic: &str) -> u32 {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(leader) = leaders(bootstrap, topic).first() {
            return leader.unsigned_abs();
        }
        assert!(Instant::now() < deadline, "{topic} has no leader");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The leaders of the partitions that have one.
fn leaders(bootstrap: &str, topic: &str) -> Vec<i32> {
    let consumer: BaseConsumer = client(bootstrap).create().expect("the consumer is configured");
    consumer.fetch_metadata(Some(topic), DEADLINE).map_or(Vec::new(), |metadata| {
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let led = partitions.filter(|partition| partition.leader() >= 0 && partition.error().is_none());
        led.map(|partition| partition.leader()).collect()
    })
}

/// A record for [`produce`]. What is not set is null.
///
/// ```
/// use evkafka_tests::kafka::Record;
///
/// let created = Record::new(r#"{"id": 1}"#).key("customer-7").header("event_type", "OrderCreated");
/// let tombstone = Record::null().key("customer-7").partition(2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    key: Option<Vec<u8>>,
    payload: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    partition: Option<i32>,
}

impl Record {
    /// A record with this payload.
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self { payload: Some(payload.into()), ..Self::default() }
    }

    /// A record with a null payload: a tombstone.
    pub fn null() -> Self {
        Self::default()
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds a header; one name may come several times, and the value need not be text.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Adds a header whose value is null.
    #[must_use]
    pub fn null_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    /// Sets the partition. Without it the key decides, and without a key librdkafka does.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
}

/// Writes records through librdkafka, fast, and returns how many. Each has reached the broker exactly once, and those of one
/// partition in their order.
///
/// # Panics
///
/// When one of them could not be written.
#[track_caller]
pub fn produce(bootstrap: &str, topic: &str, records: impl IntoIterator<Item = Record>) -> usize {
    let producer = producer(&mut client(bootstrap));
    send_all(&producer, topic, records)
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Its records are read.
    Commit,
    /// They are in the log, and not read at `read_committed`.
    Abort,
}

/// Writes records in one transaction, and ends it; returns how many, once the topic's partitions know of the end.
///
/// # Panics
///
/// When one of them could not be written, or the transaction not be ended.
#[track_caller]
pub fn produce_in_transaction(
    bootstrap: &str,
    topic: &str,
    records: impl IntoIterator<Item = Record>,
    end: TransactionEnd,
) -> usize {
    let producer = producer(client(bootstrap).set("transactional.id", unique("transaction")));
    producer.init_transactions(DEADLINE).expect("transactions are possible");
    producer.begin_transaction().expect("a transaction begins");
    let sent = send_all(&producer, topic, records);
    match end {
        TransactionEnd::Commit => producer.commit_transaction(DEADLINE),
        TransactionEnd::Abort => producer.abort_transaction(DEADLINE),
    }
    .expect("the transaction ends");
    await_stability(bootstrap, topic);
    sent
}

/// Waits until no transaction is open in a topic's partitions.
///
/// A transaction's end is acknowledged once its coordinator has written it down. The partitions get their markers after that, and
/// until then are read no further than to where it began.
#[track_caller]
fn await_stability(bootstrap: &str, topic: &str) {
    let [all, stable] = ["read_uncommitted", "read_committed"].map(|level| {
        let consumer: Result<BaseConsumer, _> = client(bootstrap).set("isolation.level", level).create();
        consumer.expect("the consumer is configured")
    });
    let metadata = all.fetch_metadata(Some(topic), DEADLINE).expect("the cluster answers");
    let deadline = Instant::now() + DEADLINE;
    for partition in metadata.topics()[0].partitions() {
        let [end, stable_end] = loop {
            let ends = [&all, &stable].map(|consumer| {
                consumer.fetch_watermarks(topic, partition.id(), DEADLINE).expect("the cluster answers").1
            });
            if ends[0] == ends[1] || Instant::now() >= deadline {
                break ends;
            }
            thread::sleep(Duration::from_millis(2));
        };
        assert_eq!(stable_end, end, "a transaction is open in {topic}[{}]", partition.id());
    }
}

/// Has a partition's log start at `offset`, as retention does.
///
/// # Panics
///
/// When the cluster refuses.
#[track_caller]
pub fn delete_records(bootstrap: &str, topic: &str, partition: i32, offset: i64) {
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
    let deleted = block_on(admin(bootstrap).delete_records(&before, &admin_options()));
    let deleted = deleted.expect("the cluster answers");
    deleted.elements()[0].error().expect("the records are deleted");
}

/// Where a partition's log ends: its high watermark.
///
/// # Panics
///
/// When the cluster does not answer.
#[track_caller]
pub fn end_offset(bootstrap: &str, topic: &str, partition: i32) -> i64 {
    let consumer: Result<BaseConsumer, _> =
        client(bootstrap).set("isolation.level", "read_uncommitted").create();
    let watermarks =
        consumer.expect("the consumer is configured").fetch_watermarks(topic, partition, DEADLINE);
    watermarks.expect("the cluster answers").1
}

#[track_caller]
fn producer(config: &mut ClientConfig) -> BaseProducer<Deliveries> {
    config
        .set("enable.idempotence", "true")
        // In a new partition a batch may be taken after the one before it was refused, which librdkafka then takes for written.
        .set("max.in.flight", "1")
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "200000")
        .set("queue.buffering.max.kbytes", "262144")
        .create_with_context(Deliveries::default())
        .expect("the producer is configured")
}

#[track_caller]
fn send_all(
    producer: &BaseProducer<Deliveries>,
    topic: &str,
    records: impl IntoIterator<Item = Record>,
) -> usize {
    let mut sent = 0;
    for record in records {
        send(producer, topic, &record);
        sent += 1;
        if sent % 1024 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer
        .flush(DEADLINE)
        .unwrap_or_else(|error| panic!("not all records of {topic} were written: {error}"));

    let deliveries = producer.context().0.lock().expect("no other holder has panicked");
    assert_eq!(deliveries.first_error, None, "a record of {topic} was not written");
    assert_eq!(deliveries.count, sent, "each record of {topic} is acknowledged");
    sent
}

#[track_caller]
fn send(producer: &BaseProducer<Deliveries>, topic: &str, record: &Record) {
    let mut message = BaseRecord::<[u8], [u8]>::to(topic);
    message.key = record.key.as_deref();
    message.payload = record.payload.as_deref();
    message.partition = record.partition;
    if !record.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        message.headers =
            Some(record.headers.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: value.as_deref() })
            }));
    }
    let deadline = Instant::now() + DEADLINE;
    loop {
        match producer.send(message) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again))
                if Instant::now() < deadline =>
            {
                message = again;
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => panic!("a record of {topic} was refused: {error}"),
        }
    }
}

/// Counts the acknowledgements.
#[derive(Default)]
struct Deliveries(Mutex<Delivered>);

#[derive(Default)]
struct Delivered {
    count: usize,
    first_error: Option<KafkaError>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut delivered = self.0.lock().expect("no other holder has panicked");
        match result {
            Ok(_) => delivered.count += 1,
            Err((error, _)) => {
                delivered.first_error.get_or_insert_with(|| error.clone());
            }
        }
    }
}

/// Writes records through Kafka's own console producer, one after the other.
///
/// A line is `HEADER:VALUE,HEADER:VALUE<tab>KEY<tab>PAYLOAD`; what reads `<null>` (all headers, a value, the key, the payload)
/// is null.
///
/// # Panics
///
/// When the console producer reports an error.
#[track_caller]
pub fn console_produce(bootstrap: &str, topic: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut input = String::new();
    for line in lines {
        let line = line.as_ref();
        assert!(
            line.matches('\t').count() >= 2 && !line.contains('\n'),
            "not headers, key and payload: {line:?}"
        );
        input.push_str(line);
        input.push('\n');
    }
    let output = tool(
        "org.apache.kafka.tools.ConsoleProducer",
        // Without --sync an error is only logged. The default timeout of 1.5 s is short for a machine that is busy, and
        // a minute is long for a topic that is not there.
        ["--bootstrap-server", bootstrap, "--topic", topic, "--sync"]
            .into_iter()
            .chain(["--request-timeout-ms", "30000", "--max-block-ms", "10000"])
            .chain(["--property", "parse.headers=true", "--property", "parse.key=true"])
            .chain(["--property", "null.marker=<null>"]),
        &input,
    );
    assert!(output.succeeded, "the console producer failed\n{}", output.stderr);
}

/// The offsets that a consumer group has committed, by topic and partition, as Kafka's own tool reports them. Partitions
/// without a committed offset are left out, so a group that is not known gives an empty map.
///
/// # Panics
///
/// When the tool reports an error.
#[track_caller]
pub fn committed_offsets(bootstrap: &str, group: &str) -> BTreeMap<(String, i32), i64> {
    let output = tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        ["--bootstrap-server", bootstrap, "--describe", "--offsets", "--group", group, "--timeout", "60000"],
        "",
    );
    // The tool's exit status is 0 whatever happens.
    let answered = output.stdout.contains("CURRENT-OFFSET")
        || output.stderr.contains("has no active members")
        || output.stderr.contains("GroupIdNotFoundException");
    assert!(answered, "the offsets of {group} could not be read\n{}{}", output.stdout, output.stderr);
    parse_offsets(&output.stdout)
}

#[track_caller]
fn parse_offsets(table: &str) -> BTreeMap<(String, i32), i64> {
    let mut columns = None;
    let mut offsets = BTreeMap::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        if cells.first() == Some(&"GROUP") {
            let column =
                |name| cells.iter().position(|cell| *cell == name).expect("the table has this column");
            columns = Some([column("TOPIC"), column("PARTITION"), column("CURRENT-OFFSET")]);
        } else if let (Some(columns), false) = (columns, cells.is_empty()) {
            let [topic, partition, offset] = columns.map(|column| cells[column]);
            if offset != "-" {
                let partition = partition.parse().expect("a partition is a number");
                offsets.insert((topic.to_owned(), partition), offset.parse().expect("an offset is a number"));
            }
        }
    }
    offsets
}

struct ToolOutput {
    succeeded: bool,
    stdout: String,
    stderr: String,
}

/// Runs one of Kafka's command line tools. They have deadlines of their own.
#[track_caller]
fn tool<'a>(class: &str, arguments: impl IntoIterator<Item = &'a str>, input: &str) -> ToolOutput {
    let jars = Path::new(&variable("EVKAFKA_TEST_KAFKA_JARS")).join("*");
    let mut child = Command::new("java")
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg("-cp")
        .args([jars.as_os_str(), class.as_ref()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("could not start java: {error}"));
    let mut stdin = child.stdin.take().expect("is piped");
    let output = thread::scope(|scope| {
        // On a thread of its own: the tool may write before it has read everything. One that ended early has a reason,
        // and says it.
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        child.wait_with_output().expect("can be waited for")
    });
    ToolOutput {
        succeeded: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A cluster of a test's own, whose nodes may be stopped, killed and started again. It is killed when this value is
/// dropped.
#[derive(Debug)]
pub struct Cluster {
    name: &'static str,
    bootstrap: String,
    /// Tests with a cluster of their own run one after the other: one that starts would take the port of a node that another
    /// test has stopped.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Cluster {
    /// Starts an empty cluster. Its name is the test's alone; what an earlier run has left under it is killed.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[track_caller]
    pub fn start(name: &'static str, nodes: u32) -> Self {
        Self::start_by(name, &["--nodes", &nodes.to_string()])
    }

    /// Starts an empty cluster of one node in which access control lists hold.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[track_caller]
    pub fn start_with_acls(name: &'static str) -> Self {
        Self::start_by(name, &["--acls"])
    }

    #[track_caller]
    fn start_by(name: &'static str, options: &[&str]) -> Self {
        // A test that failed while it held the lock has nothing to do with this one.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = script(&["kill", name]);
        match script(&[&["start"], options, &[name]].concat()) {
            Ok(bootstrap) => Self { name, bootstrap: bootstrap.trim().to_owned(), _alone: alone },
            Err(error) => panic!("could not start the cluster {name}\n{error}"),
        }
    }

    /// The bootstrap servers: all nodes, the first one first.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Stops a node (they count from 1) in good order.
    ///
    /// # Panics
    ///
    /// When `scripts/kafka` fails.
    #[track_caller]
    pub fn stop_node(&self, node: u32) {
        self.control("stop-node", node);
    }

    /// Kills a node.
    ///
    /// # Panics
    ///
    /// When `scripts/kafka` fails.
    #[track_caller]
    pub fn kill_node(&self, node: u32) {
        self.control("kill", node);
    }

    /// Starts a node again, with its data, and waits until the cluster has let it in.
    ///
    /// # Panics
    ///
    /// When it does not come back.
    #[track_caller]
    pub fn start_node(&self, node: u32) {
        self.control("start-node", node);
    }

    #[track_caller]
    fn control(&self, command: &str, node: u32) {
        if let Err(error) = script(&[command, self.name, &node.to_string()]) {
            panic!("{command} {node} failed\n{error}");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The next start of that name tries again.
        let _ = script(&["kill", self.name]);
    }
}

fn script(arguments: &[&str]) -> Result<String, String> {
    let output =
        Command::new(SCRIPT).args(arguments).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

/// Also inside of an asynchronous test, whose thread may not start a second runtime.
fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
        scope.spawn(move || runtime().block_on(future)).join().expect("the future does not panic")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table_of_offsets() {
        let table = "\n\
            GROUP  TOPIC   PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST        CLIENT-ID\n\
            g      orders  1          7               9               2    rdkafka-1    /127.0.0.1  rdkafka\n\
            g      orders  0          -               3               -    rdkafka-1    /127.0.0.1  rdkafka\n";
        assert_eq!(parse_offsets(table), BTreeMap::from([(("orders".to_owned(), 1), 7)]));
        assert_eq!(parse_offsets("\nError: Executing consumer group command failed\n"), BTreeMap::new());
    }

    #[test]
    fn names_are_unique() {
        assert_ne!(unique("a"), unique("a"));
    }
}
