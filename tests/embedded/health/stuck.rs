//! What a restart would help: live fails, in a process of its own.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use evkafka::embedded::{Cluster, Event};
use evkafka_tests::process::ChildProcess;
#[cfg(unix)]
use evkafka_tests::process::Signal;

use super::{STALL, get, until};
use crate::support::{DEADLINE, cluster};

struct Service {
    process: ChildProcess,
    address: SocketAddr,
    directory: PathBuf,
}

impl Service {
    fn start(cluster: &Cluster, options: &[(&str, &str)]) -> Self {
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

    fn is_marked_live(&self) -> bool {
        self.directory.join("live").exists()
    }

    fn until_marked(&self, is_live: bool) {
        let begun = Instant::now();
        while self.is_marked_live() != is_live {
            assert!(begun.elapsed() < DEADLINE, "the file is still there: {}", !is_live);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn event(event_type: &str, partition: i32, id: u64) -> Event {
    Event::new("orders").partition(partition).event_type(event_type).payload(id.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn live_fails_where_all_workers_are_blocked() {
    // As many as there may be workers, and one whose lane waits for them.
    let cores = std::thread::available_parallelism().map_or(8, std::num::NonZero::get);
    let partitions = u16::try_from(cores + 1).expect("few cores");
    let limit = ("attempt-timeout-ms", "1000");
    for options in [&[limit][..], &[limit, ("one-thread", "yes")][..]] {
        let cluster = cluster(partitions);
        let service = Service::start(&cluster, options);
        until(service.address, "/startupz", 200).await;
        assert_eq!(get(service.address, "/livez", "").body, "ok\n");
        let hogs = (0..i32::from(partitions)).map(|partition| event("Hogs", partition, 1));
        cluster.send_all(hogs).await.expect("they are sent");
        let answer = until(service.address, "/livez", 503).await;
        assert!(answer.body.contains("the runtime's threads are blocked"), "{answer:?}");
        assert!(!answer.body.contains("its thread, which polls Kafka"), "{answer:?}");
        service.until_marked(false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_partitions_that_is_stuck_fails_live_and_is_named() {
    let never = ("attempts-never-time-out", "yes");
    for options in [&[never][..], &[never, ("keys-in-flight", "4")][..]] {
        let cluster = cluster(8);
        let service = Service::start(&cluster, options);
        until(service.address, "/readyz", 200).await;
        service.until_marked(true);
        let orders = (0..8).map(|partition| event("OrderCreated", partition, 1));
        cluster.send_all(orders.chain([event("Waits", 3, 2)])).await.expect("they are sent");
        let answer = until(service.address, "/livez", 503).await;
        let lines: Vec<_> = answer.body.lines().collect();
        assert_eq!((lines.len(), lines[0]), (2, "failed"), "{answer:?}");
        assert!(lines[1].starts_with("consumer `internal`, orders[3], offset "), "{answer:?}");
        assert!(lines[1].contains("on_waits` has been at work for "), "{answer:?}");
        let json = get(service.address, "/livez", "Accept: application/json\r\n");
        let json: serde_json::Value = serde_json::from_str(&json.body).expect("JSON");
        assert_eq!(
            (&json["status"], &json["reasons"][0]["partition"]),
            (&"failed".into(), &3.into()),
            "{json}"
        );
        assert_eq!(get(service.address, "/readyz", "").status, 200, "it is ready all the same");
        service.until_marked(false);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_drains_is_live_and_not_ready_until_its_port_is_closed() {
    let cluster = cluster(1);
    let mut service = Service::start(&cluster, &[("shutdown-ms", "10000")]);
    until(service.address, "/readyz", 200).await;
    cluster.send(event("Waits", 0, 1)).await.expect("it is sent");
    let begun = Instant::now();
    while std::fs::read_to_string(service.directory.join("ledger")).unwrap_or_default().is_empty() {
        assert!(begun.elapsed() < DEADLINE, "the handler is not called");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    service.process.signal(Signal::Term);
    let answer = until(service.address, "/readyz", 503).await;
    assert_eq!(answer.body, "failed\nthe app is draining\n");
    let address = service.address;
    assert_eq!((get(address, "/livez", "").status, get(address, "/startupz", "").status), (200, 200));
    assert!(service.process.wait(DEADLINE).success());
    assert!(!service.is_marked_live(), "the file is removed at the end");
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
}
