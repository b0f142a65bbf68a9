//! The service as a process of its own, and the ledger that it writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use evkafka_tests::{
    kafka::{self, Record},
    process::{ChildProcess, Signal},
};

/// The longest that anything may take. Only a test that fails waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) begins: bool,
    pub(crate) pid: u32,
    pub(crate) consumer: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) id: u64,
    /// In microseconds since 1970.
    pub(crate) at: u64,
}

/// A topic, a group that reads it, and the ledger of all processes of the group.
pub(crate) struct Scene {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    pub(crate) group: String,
    ledger: PathBuf,
}

impl Scene {
    pub(crate) fn new(name: &str, partitions: i32) -> Self {
        Self::on(kafka::brokers(), name, partitions)
    }

    pub(crate) fn on(brokers: String, name: &str, partitions: i32) -> Self {
        let topic = kafka::create_topic(&brokers, name, partitions);
        Self::of(brokers, name, topic)
    }

    /// One with a topic that is there.
    pub(crate) fn of(brokers: String, name: &str, topic: String) -> Self {
        let group = kafka::unique(name);
        let ledger = std::env::temp_dir().join(format!("evkafka-{group}-{}", std::process::id()));
        Self { brokers, topic, group, ledger }
    }

    /// Writes orders with these numbers, each fifth followed by a record that nobody handles.
    pub(crate) fn produce(&self, ids: std::ops::Range<u64>) {
        self.produce_with_keys(ids, u64::MAX);
    }

    /// The same with so many keys: order `id` has the key `id % keys`.
    pub(crate) fn produce_with_keys(&self, ids: std::ops::Range<u64>, keys: u64) {
        let records = ids.flat_map(|id| {
            let key = format!("key-{}", id % keys);
            let order = Record::new(id.to_string()).key(&*key).header("Event-Type", "OrderCreated");
            let other = Record::new("{").key(&*key).header("Event-Type", "InventoryCounted");
            std::iter::once(order).chain(id.is_multiple_of(5).then_some(other))
        });
        kafka::produce(&self.brokers, &self.topic, records);
    }

    /// Starts a process of the service.
    pub(crate) fn service(&self, options: &[(&str, &str)]) -> ChildProcess {
        ChildProcess::spawn(&mut self.command(options))
    }

    /// What starts a process of the service. Of an option that is given twice, the last counts.
    pub(crate) fn command(&self, options: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
        command.args(["--brokers", &self.brokers, "--topic", &self.topic, "--group", &self.group]);
        // Printed by a test that fails.
        command.args(["--logs", "info"]);
        command.arg("--ledger").arg(&self.ledger);
        if let Ok(protocol) = std::env::var("EVKAFKA_TEST_GROUP_PROTOCOL") {
            command.args(["--protocol", &protocol]);
        }
        for (name, value) in options {
            command.args([&format!("--{name}"), *value]);
        }
        command
    }

    /// What has been written, without a line that is being written.
    pub(crate) fn ledger(&self) -> Vec<Entry> {
        let text = fs::read_to_string(&self.ledger).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| {
                let parts: Vec<&str> = line.split(' ').collect();
                let [what, pid, consumer, partition, offset, id, at] = parts[..] else { panic!("{line:?}") };
                Entry {
                    begins: what == "begin",
                    pid: pid.parse().unwrap(),
                    consumer: consumer.to_owned(),
                    partition: partition.parse().unwrap(),
                    offset: offset.parse().unwrap(),
                    id: id.parse().unwrap(),
                    at: at.parse().unwrap(),
                }
            })
            .collect()
    }

    /// Waits until the ledger is as wanted.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&[Entry]) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !wanted(&self.ledger()) {
            assert!(
                Instant::now() < deadline,
                "not {what} within {DEADLINE:?}; {} lines",
                self.ledger().len()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a process takes its share of what comes from now on, while something goes on `meanwhile`.
    pub(crate) fn until_it_has_a_share(&self, process: &ChildProcess, mut meanwhile: impl FnMut()) {
        let (pid, so_far) = (process.id(), self.ledger().len());
        let deadline = Instant::now() + DEADLINE;
        while !self.ledger()[so_far..].iter().any(|entry| entry.pid == pid) {
            assert!(Instant::now() < deadline, "stalled: the process had no share within {DEADLINE:?}");
            meanwhile();
        }
    }

    /// Waits until so many records are committed.
    pub(crate) fn until_committed(&self, records: u64) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let committed: i64 = self.committed().values().sum();
            if committed >= i64::try_from(records).unwrap() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{committed} of {records} are committed: {:?}",
                self.committed()
            );
        }
    }

    pub(crate) fn committed(&self) -> BTreeMap<i32, i64> {
        let offsets = kafka::committed_offsets(&self.brokers, &self.group);
        offsets.into_iter().map(|((_, partition), offset)| (partition, offset)).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.ledger);
    }
}

/// The orders that were handled to their end.
pub(crate) fn handled(ledger: &[Entry]) -> BTreeSet<u64> {
    ledger.iter().filter(|entry| !entry.begins).map(|entry| entry.id).collect()
}

/// How often an order was begun more than once.
pub(crate) fn begun_again(ledger: &[Entry]) -> usize {
    let begun: Vec<u64> = ledger.iter().filter(|entry| entry.begins).map(|entry| entry.id).collect();
    begun.len() - begun.iter().collect::<BTreeSet<_>>().len()
}

/// Ends a process in order.
pub(crate) fn terminate(mut process: ChildProcess) {
    process.signal(Signal::Term);
    let status = process.wait(DEADLINE);
    assert!(status.success(), "{status}: {}", process.stderr());
}

/// Ends a process in order, and every other one by force: by how many have ended before it.
pub(crate) fn terminate_or_kill(mut process: ChildProcess, before: u64) {
    if before.is_multiple_of(2) {
        terminate(process);
    } else {
        process.signal(Signal::Kill);
        process.wait(DEADLINE);
    }
}
