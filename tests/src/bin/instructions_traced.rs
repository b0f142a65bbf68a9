//! A record in an app with OpenTelemetry traces, again and again: what `scripts/instructions` counts the instructions of.
//!
//! `instructions-traced none N` takes N records through the engine without traces. `off` has a sampler that is off, `unsampled` takes
//! records whose sender's span was not sampled, `sampled` samples all. `off-by-hand` and `unsampled-by-hand` are `none` with the
//! least that OpenTelemetry can be asked for around each record. Nothing is exported.

use std::{env, hint::black_box};

use evkafka::{__private::testing::BareEngine, ConsumerConfig, Traces, handler, record::OwnedRecord, router};
use evkafka_tests::ready;
use opentelemetry::{
    Context,
    trace::{
        Span, SpanBuilder, SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer, TracerProvider,
    },
};
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use serde::Deserialize;

const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

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
        "unsampled-by-hand" => by_hand(&tracer(of_parents()), &sent, times, sender),
        other => panic!("unknown: {other}"),
    }
}

fn of_parents() -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::AlwaysOn))
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
        let parent = black_box(parent)();
        let name = SpanBuilder::from_name("process orders").with_kind(SpanKind::Consumer);
        let span = tracer.build_with_context(name, &parent);
        // What is inside has to know that it is not sampled. The parent's context says so too.
        let context = if parent.has_active_span() {
            parent
        } else {
            parent.with_remote_span_context(span.span_context().clone())
        };
        drop(span);
        let _entered = context.attach();
        assert!(ready(engine.settle(black_box(record))));
    }
}

/// What the header says, without reading it.
fn sender() -> Context {
    let (trace, span) = (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331);
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(black_box(trace)),
        SpanId::from(black_box(span)),
        TraceFlags::default(),
        true,
        TraceState::NONE,
    ))
}
