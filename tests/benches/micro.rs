//! What a record costs on its way through the engine, without Kafka: dispatch, decoding, and the tracker of offsets.
//!
//! `cargo bench -p evkafka-tests --features bench`

#![allow(missing_docs, reason = "the macros of criterion write public functions")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use evkafka::{
    __private::testing::{BareEngine, BareTracker},
    ConsumerConfig, handler,
    record::OwnedRecord,
    router,
};
use evkafka_tests::ready;
use serde::Deserialize;

#[derive(Deserialize)]
struct Owned {
    id: u64,
    sku: String,
}

#[derive(Deserialize)]
struct Borrowed<'r> {
    id: u64,
    sku: &'r str,
}

#[handler(event = "Empty")]
async fn on_empty() {}

#[handler(event = "Owned")]
async fn on_owned(order: Owned) {
    black_box((order.id, order.sku.len()));
}

#[handler(event = "Borrowed")]
async fn on_borrowed(order: Borrowed<'_>) {
    black_box((order.id, order.sku.len()));
}

fn dispatch_and_decode(criterion: &mut Criterion) {
    let router = router![on_empty, on_owned, on_borrowed];
    let engine = BareEngine::new(router, &ConsumerConfig::new(["orders"]));
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(1));
    for (name, event) in [
        ("skipped", "Unknown"),
        ("handled, payload not looked at", "Empty"),
        ("handled, owned struct", "Owned"),
        ("handled, borrowing struct", "Borrowed"),
    ] {
        let record = OwnedRecord::new("orders", 0, 7)
            .header("Event-Type", event)
            .payload(r#"{"id": 7, "sku": "sku-00042"}"#);
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(ready(engine.settle(black_box(&record))), event != "Unknown"));
        });
    }
    group.finish();
}

/// Settling costs the same however far ahead of the lowest unsettled record it happens.
fn tracker(criterion: &mut Criterion) {
    const RECORDS: u64 = 10_000;
    let mut group = criterion.benchmark_group("tracker");
    group.throughput(Throughput::Elements(RECORDS));
    for (name, lowest_last) in [("in order", false), ("the lowest last", true)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                BareTracker::default,
                |mut tracker| tracker.begin_and_settle(RECORDS, lowest_last),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, dispatch_and_decode, tracker);
criterion_main!(benches);
