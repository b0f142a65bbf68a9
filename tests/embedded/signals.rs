//! How a process that runs an app answers SIGINT and SIGTERM.

use std::{
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use evkafka::embedded::Cluster;
use evkafka_tests::process::{ChildProcess, Signal};

use crate::support::{DEADLINE, cluster, committed, event};

/// A process of the service on an embedded cluster of the test's own.
struct Service {
    process: ChildProcess,
    ledger: PathBuf,
}

impl Service {
    fn start(cluster: &Cluster, topic: &str, options: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let ledger = std::env::temp_dir().join(format!("evkafka-signals-{}-{number}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
        command.args(["--brokers", cluster.bootstrap_servers(), "--topic", topic, "--group", "billing"]);
        command.arg("--ledger").arg(&ledger);
        for (name, value) in options {
            command.args([&format!("--{name}"), *value]);
        }
        Self { process: ChildProcess::spawn(&mut command), ledger }
    }

    /// Waits until so many lines are in the ledger.
    fn until_lines(&self, lines: usize) {
        let deadline = Instant::now() + DEADLINE;
        let written = || std::fs::read_to_string(&self.ledger).unwrap_or_default().lines().count();
        while written() < lines {
            assert!(Instant::now() < deadline, "{} lines: {}", written(), self.process.stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends signals one right after the other.
    fn signal_together(&self, flags: &[&str]) {
        let script = flags.iter().map(|flag| format!("kill {flag} {}", self.process.id()));
        let status = Command::new("sh").args(["-c", &script.collect::<Vec<_>>().join("; ")]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ledger);
    }
}

/// More than what counts as one signal.
const APART: Duration = Duration::from_millis(600);

/// Waits until a signal counts as another one. (What else could be waited for is what must not happen.)
fn apart(since: Instant) {
    std::thread::sleep(APART.saturating_sub(since.elapsed()));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_app_has_failed_at_its_start_signals_do_what_they_do_by_default() {
    Signal::assert_that_int_ends_a_process();
    let cluster = cluster(1);
    for (signal, number) in [(Signal::Term, 15), (Signal::Int, 2)] {
        let mut service = Service::start(&cluster, "no-such-topic", &[("hangs-at-the-end", "yes")]);
        service.process.wait_for_line(DEADLINE, |line| line == "the app has ended");
        service.process.signal(signal);
        assert_eq!(service.process.wait(DEADLINE).signal(), Some(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_app_has_ended_at_a_signal_the_next_one_does_what_it_does_by_default() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let mut service = Service::start(&cluster, "orders", &[("hangs-at-the-end", "yes")]);
    service.until_lines(2);
    service.process.signal(Signal::Term);
    service.process.wait_for_line(DEADLINE, |line| line == "the app has ended");
    service.process.signal(Signal::Term);
    assert_eq!(service.process.wait(DEADLINE).signal(), Some(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_blocks_the_only_thread_does_not_keep_a_signal_and_the_deadline_from_their_effect() {
    let cluster = cluster(2);
    cluster.send(event("Hogs", 1)).await.unwrap();
    let options = [("one-thread", "yes"), ("shutdown-ms", "1000")];
    let mut service = Service::start(&cluster, "orders", &options);
    service.until_lines(1);
    service.process.signal(Signal::Term);
    assert_eq!(service.process.wait(DEADLINE).code(), Some(1));
    assert_eq!(committed(&cluster).await.unwrap_or(0), 0, "it is handled again");
    let deadline = Instant::now() + DEADLINE;
    // What the process wrote last may be read a moment after it has ended.
    while !service.process.stderr().contains("did not shut down within its `shutdown_timeout`") {
        assert!(Instant::now() < deadline, "{}", service.process.stderr());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_by_the_control_handle_has_its_deadline_although_a_handler_blocks_the_only_thread() {
    let cluster = cluster(1);
    cluster.send_all([event("OrderCreated", 1), event("Hogs", 2)]).await.unwrap();
    let options = [
        ("one-thread", "yes"),
        ("shutdown-ms", "1000"),
        ("commit-interval-ms", "3600000"),
        ("drains-itself", "yes"),
    ];
    let mut service = Service::start(&cluster, "orders", &options);
    assert_eq!(service.process.wait(DEADLINE).code(), Some(1));
    assert!(committed(&cluster).await <= Some(1), "what was hogged is handled again");
}

/// What was handled before the runtime was blocked is committed, which takes no runtime.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_handled_is_committed_although_a_handler_blocks_the_only_thread() {
    let cluster = cluster(1);
    cluster.send_all([event("OrderCreated", 1), event("OrderCreated", 2), event("Hogs", 3)]).await.unwrap();
    let options = [("one-thread", "yes"), ("shutdown-ms", "2000"), ("commit-interval-ms", "3600000")];
    let mut service = Service::start(&cluster, "orders", &options);
    service.until_lines(5);
    service.process.signal(Signal::Term);
    assert_eq!(service.process.wait(DEADLINE).code(), Some(1));
    assert_eq!(committed(&cluster).await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_process_at_once_whose_only_thread_is_blocked() {
    let cluster = cluster(1);
    cluster.send(event("Hogs", 1)).await.unwrap();
    let options = [("one-thread", "yes"), ("shutdown-ms", "3600000")];
    let mut service = Service::start(&cluster, "orders", &options);
    service.until_lines(1);
    let first = Instant::now();
    service.process.signal(Signal::Term);
    apart(first);
    service.process.signal(Signal::Int);
    assert_eq!(service.process.wait(DEADLINE).code(), Some(128 + 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_a_process_that_drains_after_a_failure() {
    let cluster = cluster(2);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let options = [
        ("handler-ms", "3600000"),
        ("fails-at", "2"),
        ("attempts", "1"),
        ("shutdown-ms", "3600000"),
        ("logs", "info"),
    ];
    let mut service = Service::start(&cluster, "orders", &options);
    service.until_lines(1);
    cluster.send(event("OrderCreated", 2).partition(1)).await.unwrap();
    service.process.wait_for_line(DEADLINE, |line| line.contains("the app is shutting down"));
    let first = Instant::now();
    service.process.signal(Signal::Term);
    apart(first);
    assert!(service.process.is_running(), "the first one is no more than what happens already");
    service.process.signal(Signal::Term);
    assert_eq!(service.process.wait(DEADLINE).code(), Some(128 + 15));
}

/// It did not have the app end, but it asks the process to.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_during_the_drain_after_a_failure_takes_effect_when_that_is_over() {
    let cluster = cluster(2);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let options = [
        ("handler-ms", "2000"),
        ("fails-at", "2"),
        ("attempts", "1"),
        ("hangs-at-the-end", "yes"),
        ("logs", "info"),
    ];
    let mut service = Service::start(&cluster, "orders", &options);
    service.until_lines(1);
    cluster.send(event("OrderCreated", 2).partition(1)).await.unwrap();
    service.process.wait_for_line(DEADLINE, |line| line.contains("the app is shutting down"));
    service.process.signal(Signal::Term);
    assert_eq!(service.process.wait(DEADLINE).signal(), Some(15));
    assert_eq!(committed(&cluster).await, Some(1), "after the drain, not instead of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_that_come_together_are_one_and_the_app_drains() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let mut service = Service::start(&cluster, "orders", &[("handler-ms", "2000")]);
    service.until_lines(1);
    service.signal_together(&["-TERM", "-TERM", "-INT"]);
    let status = service.process.wait(DEADLINE);
    assert!(status.success(), "{status}: {}", service.process.stderr());
    assert_eq!(committed(&cluster).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_while_the_app_looks_at_its_cluster_ends_it_well() {
    let cluster = cluster(1);
    cluster.broker_down(1).unwrap();
    let mut service = Service::start(&cluster, "orders", &[("logs", "info")]);
    service.process.wait_for_line(DEADLINE, |line| line.contains("starting"));
    service.process.signal(Signal::Term);
    let status = service.process.wait(DEADLINE);
    assert!(status.success(), "{status}: {}", service.process.stderr());
}
