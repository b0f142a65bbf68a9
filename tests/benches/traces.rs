//! What spans cost for a record: OpenTelemetry's, and those of `tracing` around a handler (`layer::Trace`).
//!
//! All ways take turns on the same records, so that what else the machine does falls on all of them; a figure is the median of the ratios of
//! one round, with the quarter below and above it. No criterion: it measures one way after the other.
//!
//! `cargo bench -p evkafka-tests --features traced --bench traces`

#![allow(missing_docs, reason = "it is a program")]
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::{
    hint::black_box,
    io,
    time::{Duration, Instant},
};

use evkafka::{
    __private::testing::BareEngine, ConsumerConfig, Router, Traces, handler, layer::Trace,
    record::OwnedRecord, route::Routes, router,
};
use evkafka_tests::{
    ready,
    traced::{UNSAMPLED, in_unsampled_span, unsampled_sender},
};
use opentelemetry::{Context, global, trace::TracerProvider};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanExporter};
use serde::Deserialize;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

const ROUNDS: usize = 5_000;
/// Few, so that most rounds are over before another process has its turn.
const RECORDS: u32 = 200;

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// 192 bytes with two nested lines: an order as services have it.
const ORDER: &str = r#"{"id":1234567,"customer":"c-000042","currency":"EUR","lines":[{"sku":"sku-00042-red","quantity":2,"cents":1999},{"sku":"sku-00117-blue","quantity":1,"cents":4999}],"note":"leave at the door, please"}"#;

#[derive(Deserialize)]
struct Order {
    id: u64,
    customer: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    sku: String,
    cents: u64,
}

#[handler(event = "OrderCreated")]
async fn on_order_created(order: Order) {
    let cents: u64 = order.lines.iter().map(|line| line.cents + line.sku.len() as u64).sum();
    black_box((order.id, order.customer.len(), cents));
}

/// Forgets what it is given.
#[derive(Debug)]
struct Forgetting;

impl SpanExporter for Forgetting {
    async fn export(
        &self,
        _: Vec<opentelemetry_sdk::trace::SpanData>,
    ) -> opentelemetry_sdk::error::OTelSdkResult {
        Ok(())
    }
}

fn provider(sampler: Sampler) -> SdkTracerProvider {
    let exports = BatchSpanProcessor::builder(Forgetting).build();
    SdkTracerProvider::builder().with_sampler(sampler).with_span_processor(exports).build()
}

fn tracer(sampler: Sampler) -> SdkTracer {
    provider(sampler).tracer("evkafka")
}

fn record(parent: Option<&str>) -> OwnedRecord {
    let record = OwnedRecord::new("orders", 0, 7).header("Event-Type", "OrderCreated").payload(ORDER);
    match parent {
        Some(parent) => record.header("traceparent", parent),
        None => record,
    }
}

type Way = (&'static str, Box<dyn Fn()>);

fn way<R: Routes>(
    name: &'static str,
    router: Router<R>,
    traces: Option<Traces>,
    records: Vec<OwnedRecord>,
) -> Way {
    let config = ConsumerConfig::new(["orders"]);
    let engine = match traces {
        None => BareEngine::new(router, &config),
        Some(traces) => BareEngine::with_traces(router, &config, traces),
    };
    let all = move || {
        for index in 0..RECORDS {
            assert!(ready(engine.settle(black_box(&records[index as usize % records.len()]))));
        }
    };
    (name, Box::new(all))
}

/// The least that OpenTelemetry can be asked for, around each record that is not sampled: a span, and what is inside knows of it. Without
/// reading headers.
fn by_hand(sampler: Sampler, parent: fn() -> Context, records: Vec<OwnedRecord>) -> Way {
    let (engine, tracer) =
        (BareEngine::new(router![on_order_created], &ConsumerConfig::new(["orders"])), tracer(sampler));
    let all = move || {
        for index in 0..RECORDS {
            let record = &records[index as usize % records.len()];
            in_unsampled_span(&tracer, black_box(parent)(), || {
                assert!(ready(engine.settle(black_box(record))))
            });
        }
    };
    ("OpenTelemetry's own part", Box::new(all))
}

/// Runs all ways in turn, the first of which is what the others are compared to.
fn compare(title: &str, ways: &[Way]) {
    let mut times = vec![Vec::with_capacity(ROUNDS); ways.len()];
    for round in 0..ROUNDS + ROUNDS / 10 {
        for (index, (_, run)) in ways.iter().enumerate() {
            let begun = Instant::now();
            run();
            if round >= ROUNDS / 10 {
                times[index].push(begun.elapsed());
            }
        }
    }
    println!("\n{title}\n{:44} {:>8} {:>8} {:>24}", "", "ns", "more", "throughput (quartiles)");
    let nanos = |time: Duration| time.as_nanos() as f64 / f64::from(RECORDS);
    for (index, (name, _)) in ways.iter().enumerate() {
        let ratios =
            quartiles(times[index].iter().zip(&times[0]).map(|(it, base)| base.div_duration_f64(*it)));
        let more = quartiles(times[index].iter().zip(&times[0]).map(|(it, base)| nanos(*it) - nanos(*base)));
        let own = quartiles(times[index].iter().map(|time| nanos(*time)));
        println!(
            "{name:44} {:8.0} {:+8.0} {:10.3} ({:.3}–{:.3})",
            own[1], more[1], ratios[1], ratios[0], ratios[2]
        );
    }
}

fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values.len() / 4, values.len() / 2, values.len() * 3 / 4].map(|place| values[place])
}

fn opentelemetry() {
    let plain = || vec![record(None)];
    let unsampled = || vec![record(Some(UNSAMPLED))];
    // One of a hundred, as a producer sends them that samples so many.
    let hundred = || {
        let mut records = vec![record(Some(UNSAMPLED)); 99];
        records.push(record(Some(SAMPLED)));
        records
    };
    let parent = |rate: f64| Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(rate)));
    let traces = |sampler: Sampler| Some(Traces::new().tracer(tracer(sampler)));
    global::set_tracer_provider(provider(Sampler::AlwaysOff));
    compare(
        "OpenTelemetry, records without a traceparent",
        &[
            way("none", router![on_order_created], None, plain()),
            way("none, once more", router![on_order_created], None, plain()),
            by_hand(Sampler::AlwaysOff, Context::new, plain()),
            way("sampler off", router![on_order_created], traces(Sampler::AlwaysOff), plain()),
            way("sampler off, global provider", router![on_order_created], Some(Traces::new()), plain()),
            way("1 % sampled", router![on_order_created], traces(parent(0.01)), plain()),
            way("all sampled", router![on_order_created], traces(Sampler::AlwaysOn), plain()),
        ],
    );
    compare(
        "OpenTelemetry, records with a traceparent",
        &[
            way("none", router![on_order_created], None, unsampled()),
            by_hand(parent(1.0), unsampled_sender, unsampled()),
            way("sampler off", router![on_order_created], traces(Sampler::AlwaysOff), unsampled()),
            way("parents not sampled", router![on_order_created], traces(parent(1.0)), unsampled()),
            way("1 % of the parents sampled", router![on_order_created], traces(parent(1.0)), hundred()),
        ],
    );
}

fn tracing_spans() {
    let plain = || vec![record(None)];
    let logs = tracing_subscriber::registry()
        .with(EnvFilter::new("info"))
        .with(tracing_subscriber::fmt::layer().with_writer(io::sink));
    tracing::subscriber::set_global_default(logs).expect("the first");
    compare(
        "`tracing`, with the fmt layer and an env filter at info",
        &[
            way("no span", router![on_order_created], None, plain()),
            way(
                "layer::Trace, around the router",
                router![on_order_created].layer(Trace::new()),
                None,
                plain(),
            ),
            way(
                "layer::Trace, around the app",
                router![on_order_created].boxed().layer(Trace::new()).boxed(),
                None,
                plain(),
            ),
            way("no span, one line logged", router![logging], None, vec![logged()]),
            way("layer::Trace, one line logged", router![logging].layer(Trace::new()), None, vec![logged()]),
        ],
    );
}

#[handler(event = "OrderLogged")]
async fn logging(order: Order) {
    tracing::info!(id = order.id, "stored");
}

fn logged() -> OwnedRecord {
    OwnedRecord::new("orders", 0, 7).header("Event-Type", "OrderLogged").payload(ORDER)
}

fn main() {
    // Cargo runs benchmarks as tests too.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    opentelemetry();
    tracing_spans();
}
