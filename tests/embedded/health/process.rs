//! A service in a process of its own, as its endpoint and its files show it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use evkafka::embedded::{Cluster, Event};
use evkafka_tests::process::ChildProcess;

use super::{Answer, STALL, get};
use crate::support::DEADLINE;

pub(super) struct Service {
    pub(super) process: ChildProcess,
    pub(super) address: SocketAddr,
    directory: PathBuf,
}

impl Service {
    /// Starts one in the group `billing`, unless the options say otherwise.
    pub(super) fn start(cluster: &Cluster, options: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("evkafka-health-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
        command.args(["--brokers", cluster.bootstrap_servers(), "--topic", "orders", "--group", "billing"]);
        command.args(["--protocol", "consumer", "--stall-ms", &STALL.as_millis().to_string()]);
        command.arg("--ledger").arg(directory.join("ledger"));
        command.arg("--liveness-file").arg(directory.join("live"));
        for (name, value) in options {
            command.args([&format!("--{name}"), *value]);
        }
        let mut process = ChildProcess::spawn(&mut command);
        let line = process.wait_for_line(DEADLINE, |line| line.starts_with("admin "));
        let address = line["admin ".len()..].parse().expect("an address");
        Self { process, address, directory }
    }

    pub(super) fn is_marked_live(&self) -> bool {
        self.directory.join("live").exists()
    }

    pub(super) async fn until_marked(&self, is_live: bool) {
        let what = if is_live { "the file is not there" } else { "the file is still there" };
        wait_until(what, || self.is_marked_live() == is_live).await;
    }

    /// What the handlers have written, each line without its process and time: `begin PARTITION OFFSET ID`.
    pub(super) fn ledger(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.join("ledger")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let shown = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            let [what, _, _, partition, offset, id, _] = words[..] else { panic!("{line:?}") };
            format!("{what} {partition} {offset} {id}")
        };
        whole.lines().map(shown).collect()
    }

    /// Waits until the handlers have written this.
    pub(super) async fn until_written(&self, line: &str) {
        wait_until(&format!("nothing wrote `{line}`"), || self.ledger().iter().any(|other| other == line))
            .await;
    }

    pub(super) fn status(&self) -> serde_json::Value {
        serde_json::from_str(&get(self.address, "/status", "").body).expect("JSON")
    }

    /// Waits until its status is as wanted.
    pub(super) async fn until_status(&self, what: &str, wanted: impl Fn(&serde_json::Value) -> bool) {
        wait_until(what, || wanted(&self.status())).await;
    }

    /// The value of the series of the metric that has this label, the first.
    pub(super) fn metric(&self, name: &str, label: &str) -> Option<f64> {
        let text = get(self.address, "/metrics", "").body;
        let line = text.lines().find(|line| line.starts_with(name) && line.contains(label))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

async fn wait_until(otherwise: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "{otherwise}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) fn event(event_type: &str, partition: i32, id: u64) -> Event {
    Event::new("orders").partition(partition).event_type(event_type).payload(id.to_string())
}

/// Asks processes all the time whether they are live, on a thread of its own.
pub(super) struct Watch {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<u32, (SocketAddr, Answer)>>,
}

impl Watch {
    pub(super) fn start<'s>(services: impl IntoIterator<Item = &'s Service>) -> Self {
        let addresses: Vec<_> = services.into_iter().map(|service| service.address).collect();
        let is_over = Arc::new(AtomicBool::new(false));
        let watch = {
            let is_over = Arc::clone(&is_over);
            move || {
                let mut rounds = 0;
                while !is_over.load(Ordering::Relaxed) {
                    for address in &addresses {
                        let answer = get(*address, "/livez", "");
                        if answer.status != 200 {
                            return Err((*address, answer));
                        }
                    }
                    rounds += 1;
                    thread::sleep(Duration::from_millis(10));
                }
                Ok(rounds)
            }
        };
        Self { is_over, thread: thread::spawn(watch) }
    }

    /// Goes on for so long that what is taken for stuck would be found out.
    pub(super) async fn outlasts_stall(&self) {
        let begun = Instant::now();
        while begun.elapsed() < STALL * 2 && !self.thread.is_finished() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it.
    ///
    /// # Panics
    /// If one was not live once.
    #[track_caller]
    pub(super) fn was_live_all_the_time(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let rounds = self.thread.join().expect("each question is answered");
        assert!(rounds.as_ref().is_ok_and(|rounds| *rounds > 0), "not live: {rounds:?}");
    }
}
