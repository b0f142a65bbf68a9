//! A service for the tests on a real broker that sends an event for each order, which names the record that it is for.
//!
//! `--way` is how: `returned` from the handler (the default), the same by key (`keys`) or from a batch (`batch`), `awaited` through a
//! `Sender`, or only `enqueued`, of which nothing is promised.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the tests read it")]

use std::{
    env,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use evkafka::{
    App, Concurrency, ConsumerConfig, Event, FailurePolicy, Metadata, ProducerConfig, SendError, Sender,
    State, event::Events, handler, router,
};
use evkafka_tests::{noise, options::Options};
use serde::Serialize;

#[derive(Serialize, Event)]
#[event(key = id)]
struct Forwarded {
    id: u64,
    partition: i32,
    offset: i64,
    padding: String,
}

/// What the handlers have in common.
#[derive(Clone)]
struct Work {
    handled: Arc<AtomicU64>,
    handler_time: Duration,
    /// The event of this order is too large for most topics.
    large: Option<u64>,
}

impl Work {
    async fn event(&self, id: u64, meta: &Metadata) -> Forwarded {
        if !self.handler_time.is_zero() {
            tokio::time::sleep(self.handler_time).await;
        }
        let handled = self.handled.fetch_add(1, Ordering::Relaxed) + 1;
        if handled.is_multiple_of(100) {
            println!("handled {handled}");
        }
        let padding = if self.large == Some(id) { noise(200_000) } else { Vec::new() };
        let padding = padding.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        Forwarded { id, partition: meta.partition, offset: meta.offset, padding }
    }
}

#[handler(event = "OrderCreated")]
async fn returned(id: u64, meta: Metadata, State(work): State<Work>) -> Forwarded {
    work.event(id, &meta).await
}

#[handler(event = "OrderCreated", batch(max = 50, within = "20ms"))]
async fn batch(ids: Vec<u64>, metas: Vec<Metadata>, State(work): State<Work>) -> Vec<Forwarded> {
    let mut events = Vec::new();
    for (id, meta) in ids.into_iter().zip(&metas) {
        events.push(work.event(id, meta).await);
    }
    events
}

#[handler(event = "OrderCreated")]
async fn awaited(
    id: u64,
    meta: Metadata,
    State(work): State<Work>,
    out: Sender<Forwarded>,
) -> Result<(), SendError> {
    out.send(&work.event(id, &meta).await).await?;
    Ok(())
}

#[handler(event = "OrderCreated")]
async fn enqueued(
    id: u64,
    meta: Metadata,
    State(work): State<Work>,
    out: Sender<Forwarded>,
) -> Result<(), SendError> {
    out.send(&work.event(id, &meta).await).enqueue().await
}

/// How events are sent.
fn way(options: &Options) -> &str {
    options.get("way").unwrap_or("returned")
}

fn consumer(options: &Options) -> ConsumerConfig {
    let mut policy = FailurePolicy::new().attempts(1);
    if let Some(topic) = options.get("dead-letters") {
        policy = policy.dead_letter(topic);
    }
    let mut config = ConsumerConfig::new([options.text("topic")])
        .bootstrap_servers(options.text("brokers"))
        .group_id(options.text("group"))
        .commit_interval(options.millis("commit-interval-ms", 20))
        .failure_policy(policy);
    config = match options.get("protocol") {
        Some(protocol) if protocol == "consumer" => config.property("group.protocol", protocol),
        // A process that is started again takes the place of the one that was killed at once. In the new protocol it would be refused
        // until the other's session has timed out.
        _ => config.group_instance_id("forwarder"),
    };
    if way(options) == "keys" {
        config = config.concurrency(Concurrency::PerKey { in_flight: 100 }).persist_progress(true);
    }
    config
}

fn producer(options: &Options) -> ProducerConfig {
    ProducerConfig::new()
        .bootstrap_servers(options.text("out-brokers"))
        .topic(options.text("out-topic"))
        .linger(options.millis("linger-ms", 20))
        .delivery_timeout(options.millis("delivery-timeout-ms", 120_000))
        .properties(options.properties())
}

fn app(options: &Options) -> App {
    let work = Work {
        handled: Arc::default(),
        handler_time: options.millis("handler-ms", 1),
        large: options.number("large"),
    };
    let app = App::new("forwarder")
        .state(work)
        .producer("out", producer(options), Events::any())
        .shutdown_timeout(options.millis("shutdown-ms", 20_000));
    match way(options) {
        "returned" | "keys" => app.consumer("orders", consumer(options), router![returned]),
        "batch" => app.consumer("orders", consumer(options), router![batch]),
        "awaited" => app.consumer("orders", consumer(options), router![awaited]),
        "enqueued" => app.consumer("orders", consumer(options), router![enqueued]),
        other => panic!("no way is called {other}"),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse(env::args().skip(1));
    tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO).init();
    match app(&options).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}
