//! A record in an app with OpenTelemetry traces, again and again: what `scripts/instructions` counts the instructions of.
//!
//! `instructions-traced none N` takes N records through the engine without traces. `off` has a sampler that is off, `unsampled` takes
//! records whose sender's span was not sampled, `sampled` samples all. `off-by-hand` and `unsampled-by-hand` are `none` with the
//! least that OpenTelemetry can be asked for around each record. Nothing is exported.

use std::{env, hint::black_box};

use evkafka::{__private::testing::BareEngine, ConsumerConfig, Traces, handler, record::OwnedRecord, router};
use evkafka_tests::{
    ready,
    traced::{UNSAMPLED, in_unsampled_span, of_parents, unsampled_sender},
};
use opentelemetry::{Context, trace::TracerProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use serde::Deserialize;

#[derive(Deserialize)]
struct Order<'a> {
    id: u64,
    sku: &'a str,
}

#[handler(event = "OrderCreated")]
async fn on_order_created(order: Order<'_>) {
    black_box((order.id, order.sku.len()));
}

fn main() {
    let mut arguments = env::args().skip(1);
    let what = arguments.next().expect("none, off, unsampled or sampled");
    let times: u64 = arguments.next().expect("a number").parse().expect("a number");
    let record = OwnedRecord::new("orders", 0, 7)
        .header("Event-Type", "OrderCreated")
        .payload(r#"{"id": 7, "sku": "sku-00042"}"#);
    let sent = record.clone().header("traceparent", UNSAMPLED);
    match &*what {
        "none" => settle(None, &record, times),
        "off" => settle(Some(traces(Sampler::AlwaysOff)), &record, times),
        "unsampled" => settle(Some(traces(of_parents())), &sent, times),
        "sampled" => settle(Some(traces(Sampler::AlwaysOn)), &record, times),
        "off-by-hand" => by_hand(&tracer(Sampler::AlwaysOff), &record, times, Context::new),
        "unsampled-by-hand" => by_hand(&tracer(of_parents()), &sent, times, unsampled_sender),
        other => panic!("unknown: {other}"),
    }
}

fn tracer(sampler: Sampler) -> SdkTracer {
    SdkTracerProvider::builder().with_sampler(sampler).build().tracer("evkafka")
}

fn traces(sampler: Sampler) -> Traces {
    Traces::new().tracer(tracer(sampler))
}

/// Takes the record through the engine, again and again.
fn settle(traces: Option<Traces>, record: &OwnedRecord, times: u64) {
    let engine = engine(traces);
    for _ in 0..times {
        assert!(ready(engine.settle(black_box(record))));
    }
}

fn engine(traces: Option<Traces>) -> BareEngine<impl evkafka::route::Routes> {
    let (router, config) = (router![on_order_created], ConsumerConfig::new(["orders"]));
    match traces {
        None => BareEngine::new(router, &config),
        Some(traces) => BareEngine::with_traces(router, &config, traces),
    }
}

/// The same without traces, with a span by hand around it that is not sampled.
fn by_hand(tracer: &SdkTracer, record: &OwnedRecord, times: u64, parent: fn() -> Context) {
    let engine = engine(None);
    for _ in 0..times {
        in_unsampled_span(tracer, black_box(parent)(), || assert!(ready(engine.settle(black_box(record)))));
    }
}
