//! What a consumer takes of the machine while it has nothing to do, and while it is stuck. Linux only: the figures are from
//! `/proc`.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use evkafka::{App, Raw, handler, router};
use evkafka_tests::options::Options;
use tokio::sync::watch;

use crate::{framework, produce};

static HANDLED: AtomicU64 = AtomicU64::new(0);

#[handler(fallback)]
async fn on_any() {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// `bench idle`: the share of a core that a consumer uses for ten seconds in which nothing comes.
pub(crate) fn idle(options: &Options) {
    let config = framework::config(options.text("brokers"), options.text("topic"));
    let app = App::new("bench").consumer("bench", config, router![on_any]);
    let records = options.number("records").unwrap_or(2_000_000);
    framework::runtime().block_on(async {
        let measured = async {
            while HANDLED.load(Ordering::Relaxed) < records {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // Past the next commit, after which there is nothing to do.
            tokio::time::sleep(Duration::from_secs(6)).await;
            let before = cpu_seconds();
            tokio::time::sleep(Duration::from_secs(10)).await;
            println!("idle: {:.2} % of a core", (cpu_seconds() - before) * 10.0);
        };
        app.run_until(measured).await.expect("the app runs");
    });
}

#[derive(Clone)]
struct Gate(watch::Receiver<bool>);

#[handler(fallback)]
async fn on_large(Raw(payload): Raw<'_>, evkafka::State(Gate(mut open)): evkafka::State<Gate>) {
    open.wait_for(|open| *open).await.expect("the gate is not dropped");
    HANDLED.fetch_add(payload.len() as u64, Ordering::Relaxed);
}

#[handler(fallback, batch(max = 100_000, within = "10s"))]
async fn on_many_large(payloads: Vec<Raw<'_>>, evkafka::State(Gate(mut open)): evkafka::State<Gate>) {
    open.wait_for(|open| *open).await.expect("the gate is not dropped");
    HANDLED.fetch_add(payloads.iter().map(|Raw(payload)| payload.len() as u64).sum(), Ordering::Relaxed);
}

/// `bench stuck`: the memory of a consumer whose handlers are stuck for a minute on a topic of two gigabytes, and whether it
/// reads on after that. `--shape` makes it hard: `pattern` (the topic is read by a pattern), `batches` (of any number of records) or
/// `compressed` (about fiftyfold).
pub(crate) fn stuck(options: &Options) {
    let (bytes, seconds) =
        (options.number("megabytes").unwrap_or(2_000) * 1_000_000, options.number("seconds").unwrap_or(60));
    let shape = options.get("shape").unwrap_or("plain");
    let partitions =
        i32::try_from(options.number("partitions").unwrap_or(8)).expect("a number of partitions");
    let topic = format!("{}-large-{shape}", options.text("topic"));
    let (brokers, record_bytes) =
        (options.text("brokers"), options.number("record-bytes").unwrap_or(100_000) as usize);
    let bytes = produce::large(brokers, &topic, partitions, bytes, record_bytes, shape == "compressed");
    let (open, gate) = watch::channel(false);
    let read = if shape == "pattern" { format!("^{topic}$") } else { topic };
    let config = framework::config(brokers, &read);
    let app = App::new("bench").state(Gate(gate));
    let app = match shape {
        "batches" => app.consumer("bench", config, router![on_many_large]),
        _ => app.consumer("bench", config, router![on_large]),
    };
    let before = resident_mib();
    framework::runtime().block_on(async {
        let measured = async {
            let mut most = 0.0_f64;
            for _ in 0..seconds {
                tokio::time::sleep(Duration::from_secs(1)).await;
                most = most.max(resident_mib());
            }
            assert_eq!(HANDLED.load(Ordering::Relaxed), 0, "all are stuck");
            println!("stuck for {seconds} s: {before:.0} MiB before, at most {most:.0} MiB");
            open.send(true).expect("handlers wait");
            while HANDLED.load(Ordering::Relaxed) < bytes {
                tokio::time::sleep(Duration::from_millis(20)).await;
                most = most.max(resident_mib());
            }
            println!("read on to the end: {bytes} bytes, at most {most:.0} MiB");
        };
        app.run_until(measured).await.expect("the app runs");
    });
}

/// The time of all cores since the machine was started, in hundredths of a second.
#[derive(Clone, Copy)]
pub(crate) struct CoreTime {
    pub(crate) busy: f64,
    pub(crate) all: f64,
}

impl CoreTime {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").expect("Linux");
        let line =
            stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).expect("the sum of all cores");
        // What guests use, from the ninth on, is in the first already. The fourth and fifth are idle.
        let times = line.split_whitespace().take(8).map(|ticks| ticks.parse::<f64>().expect("a number"));
        let times: Vec<f64> = times.collect();
        let all = times.iter().sum();
        Self { busy: all - times[3] - times[4], all }
    }
}

/// User and system time of this process.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name before it, in brackets, may have spaces. `utime` and `stime` are the 12th and 13th after it, in hundredths.
    let fields = stat.rsplit_once(')').expect("a name").1.split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
}

fn resident_mib() -> f64 {
    status_mib("VmRSS:")
}

/// The most that was ever resident of this process.
pub(crate) fn peak_mib() -> f64 {
    status_mib("VmHWM:")
}

fn status_mib(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).expect("a number") / 1024.0
}
