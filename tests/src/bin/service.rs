//! A service for the tests on a real broker: its handler writes down when it began and ended with each record.
//!
//! A line of the ledger is `begin|end PID CONSUMER PARTITION OFFSET ID TIME`, the time in microseconds since 1970, as in the log.
//! It is written with one call to a file that is opened for appending, so that a process that is killed loses nothing that it
//! wrote.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the tests read it")]

use std::{
    env, fmt,
    fs::{self, File, OpenOptions},
    io::Write,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use evkafka::{
    Admin, AutoCommitMode, Backoff, Concurrency, ConsumerConfig, Control, FailurePolicy, LastStep, Metadata,
    OffsetReset, State,
    control::{Pause, Scope},
    handler, router,
};
use evkafka_tests::options::Options;
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

#[derive(Clone)]
struct Ledger {
    file: Arc<File>,
    handled: Arc<AtomicU64>,
    handler_time: Duration,
    /// Handlers take any time up to `handler_time`.
    at_random: bool,
    fails_at: Option<u64>,
    /// So many attempts of a hundred fail, and so many panic.
    fails_percent: u64,
    panics_percent: u64,
}

/// From 0 to 99, the same for the same attempt at the same order.
fn chance(id: u64, attempt: u32) -> u64 {
    (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(attempt).wrapping_mul(0xbf58_476d_1ce4_e5b9))
        .rotate_left(17)
        % 100
}

fn micros_since_1970() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_micros()
}

/// The time of a line of the log.
struct Micros;

impl FormatTime for Micros {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", micros_since_1970())
    }
}

impl Ledger {
    fn write(&self, what: &str, meta: &Metadata, id: u64) {
        let (pid, now) = (std::process::id(), micros_since_1970());
        let line = format!("{what} {pid} {} {} {} {id} {now}\n", meta.consumer, meta.partition, meta.offset);
        (&*self.file).write_all(line.as_bytes()).expect("the ledger can be written");
    }
}

#[handler(event = "OrderCreated")]
async fn on_order_created(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.write("begin", &meta, id);
    if ledger.fails_at == Some(id) {
        return Err(format!("the books are closed for order {id}"));
    }
    let chance = chance(id, meta.attempt);
    if chance < ledger.fails_percent {
        return Err(format!("order {id} fails by chance"));
    }
    assert!(chance >= ledger.fails_percent + ledger.panics_percent, "order {id} panics by chance");
    if !ledger.handler_time.is_zero() {
        let percent = if ledger.at_random { chance as u32 } else { 100 };
        tokio::time::sleep(ledger.handler_time * percent / 100).await;
    }
    ledger.write("end", &meta, id);
    let handled = ledger.handled.fetch_add(1, Ordering::Relaxed) + 1;
    if handled == 1 || handled.is_multiple_of(100) {
        println!("handled {handled}");
    }
    Ok(())
}

/// A call that never comes back, as one to a database may be.
#[handler(event = "CallHangs")]
fn on_call_hangs(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.write("begin", &meta, id);
    hang();
}

/// Never gives its thread back to the runtime.
#[handler(event = "Hogs")]
async fn on_hogs(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.write("begin", &meta, id);
    hang();
}

/// Waits for something that never comes, and keeps no thread from others.
#[handler(event = "Waits")]
async fn on_waits(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.write("begin", &meta, id);
    std::future::pending().await
}

/// Writes down where the endpoint listens, once it does.
fn tell_address(admin: &Admin) {
    let address = admin.address();
    std::thread::spawn(move || {
        loop {
            if let Some(address) = address.get() {
                return println!("admin {address}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}

/// Does something to the app once something is written to the ledger, on a thread that the runtime knows nothing of.
fn once_it_handles(control: Control, ledger: String, then: impl FnOnce(Control) + Send + 'static) {
    std::thread::spawn(move || {
        while fs::metadata(&ledger).map_or(0, |ledger| ledger.len()) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        then(control);
    });
}

fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

/// `topics` are separated by commas.
fn config(options: &Options, brokers: &str, topics: &str) -> ConsumerConfig {
    let mode = match options.get("mode") {
        Some("pre") => AutoCommitMode::PreCommit,
        _ => AutoCommitMode::PostCommit,
    };
    let attempts = options.number("attempts").map_or(2, |attempts| u32::try_from(attempts).expect("small"));
    let backoff = Backoff::constant(options.millis("backoff-ms", 10));
    let mut policy = FailurePolicy::new().attempts(attempts).backoff(backoff);
    if options.has("attempts-never-time-out") {
        policy = policy.attempt_timeout(Duration::MAX);
    }
    if let Some(limit) = options.number("attempt-timeout-ms") {
        policy = policy.attempt_timeout(Duration::from_millis(limit));
    }
    if let Some(topic) = options.get("dead-letters") {
        policy = policy.dead_letter(topic);
    }
    let mut config = ConsumerConfig::new(topics.split(','))
        .bootstrap_servers(brokers)
        .group_id(options.text("group"))
        .auto_commit_mode(mode)
        .commit_interval(options.millis("commit-interval-ms", 500))
        .failure_policy(policy);
    config = match options.get("protocol") {
        // The session timeout is the brokers' to set then.
        Some(protocol) if protocol == "consumer" => config.property("group.protocol", protocol),
        _ => config.property("session.timeout.ms", 6000),
    };
    if options.has("skips-failures") {
        config = config.failure_policy(FailurePolicy::new().attempts(1).last_step(LastStep::Skip));
    }
    if let Some(instances) = options.number("instances") {
        config = config.instances(u32::try_from(instances).expect("small"));
    }
    if let Some(in_flight) = options.number("keys-in-flight") {
        let in_flight = u32::try_from(in_flight).expect("small");
        config = config
            .concurrency(Concurrency::PerKey { in_flight })
            .persist_progress(mode == AutoCommitMode::PostCommit);
    }
    // Partitions that are added are seen within it.
    config = config.property("topic.metadata.refresh.interval.ms", 1000);
    config = config.properties(options.properties());
    if options.has("begins-at-the-end") {
        config = config.auto_offset_reset(OffsetReset::Latest);
    }
    // The new group protocol leaves it to the brokers how partitions are assigned.
    let is_new = options.get("protocol").is_some_and(|protocol| protocol == "consumer");
    if let Some(strategy) = options.get("strategy").filter(|_| !is_new) {
        config = config.property("partition.assignment.strategy", strategy);
    }
    tracing::debug!(?config, "configured");
    config
}

fn main() -> ExitCode {
    let options = Options::parse(env::args().skip(1));
    let mut runtime = match options.has("one-thread") {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build().expect("a runtime").block_on(run(&options))
}

async fn run(options: &Options) -> ExitCode {
    if let Some(level) = options.get("logs") {
        let level: tracing_subscriber::filter::LevelFilter = level.parse().expect("a level");
        tracing_subscriber::fmt().with_timer(Micros).with_ansi(false).with_max_level(level).init();
    }
    let file = OpenOptions::new().create(true).append(true).open(options.text("ledger")).expect("a ledger");
    let ledger = Ledger {
        file: Arc::new(file),
        handled: Arc::default(),
        handler_time: options.millis("handler-ms", 0),
        at_random: options.has("at-random"),
        fails_at: options.number("fails-at"),
        fails_percent: options.number("fails-percent").unwrap_or(0),
        panics_percent: options.number("panics-percent").unwrap_or(0),
    };
    let handlers = router![on_order_created, on_call_hangs, on_hogs, on_waits];
    let mut app = evkafka::app! {
        title: "service",
        state: ledger,
        consumers: {
            internal: config(options, options.text("brokers"), options.text("topic")) => handlers.clone(),
        },
    }
    .shutdown_timeout(options.millis("shutdown-ms", 20_000))
    .stall_timeout(options.millis("stall-ms", 300_000));
    if let Some(path) = options.get("liveness-file") {
        let admin = Admin::on("127.0.0.1:0").liveness_file(path);
        tell_address(&admin);
        app = app.admin(admin);
    }
    if let Some(brokers) = options.get("external-brokers") {
        app = app.consumer("external", config(options, brokers, options.text("external-topic")), handlers);
    }
    if options.has("drains-itself") {
        let drain = |control: Control| control.drain().expect("the app runs");
        once_it_handles(app.control(), options.text("ledger").to_owned(), drain);
    }
    if options.has("pauses-itself-ms") {
        let pause = Pause::new("a test").ends_after(options.millis("pauses-itself-ms", 0));
        let pause = |control: Control| drop(control.pause(Scope::all(), pause).expect("the app runs"));
        once_it_handles(app.control(), options.text("ledger").to_owned(), pause);
    }
    tracing::debug!(?app, "put together");
    let ended = app.run().await;
    if options.has("hangs-at-the-end") {
        println!("the app has ended");
        hang();
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}
