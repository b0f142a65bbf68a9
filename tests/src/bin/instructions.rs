//! A record, again and again: what `scripts/instructions` counts the instructions of.
//!
//! `instructions skipped N` takes N unmatched records through the engine, `handled` N matched ones, and `by-hand` does
//! what is left of `handled` without an engine: the payload decoded, the handler's function called. `json-skipped` takes records whose
//! type is the first field of their payload, `layered` matched ones through a layer that does nothing around the router, and
//! `layered-handler` and `layered-app` through one around the handler or the app.

use std::{env, hint::black_box};

use evkafka::{
    __private::testing::BareEngine, Call, ConsumerConfig, Layer, Next, Router, handle::Attempt, handler,
    record::OwnedRecord, route::Routes, router,
};
use evkafka_tests::ready;
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

#[handler(event = "OrderPaid")]
async fn on_order_paid(order: Order<'_>) {
    black_box((order.id, order.sku.len()));
}

/// A layer that does nothing.
struct Idle;

impl Layer for Idle {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        next.run(call).await
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let what = arguments.next().expect("skipped, handled or by-hand");
    let times: u64 = arguments.next().expect("a number").parse().expect("a number");
    if what == "json-skipped" {
        return skip_json(times);
    }
    let event = if what == "skipped" { "InventoryCounted" } else { "OrderCreated" };
    let record = OwnedRecord::new("orders", 0, 7)
        .header("Event-Type", event)
        .payload(r#"{"id": 7, "sku": "sku-00042"}"#);
    if what == "by-hand" {
        for _ in 0..times {
            let payload = black_box(&record).as_record().payload().expect("a payload");
            ready(on_order_created(serde_json::from_slice(payload).expect("an order")));
        }
        return;
    }
    match &*what {
        "layered" => settle(router![on_order_created, on_order_paid].layer(Idle), &record, times),
        // What an app with a layer makes of its routers.
        "layered-app" => {
            settle(router![on_order_created, on_order_paid].boxed().layer(Idle).boxed(), &record, times)
        }
        "layered-handler" => settle(router![on_order_created.layer(Idle), on_order_paid], &record, times),
        _ => settle(router![on_order_created, on_order_paid], &record, times),
    }
}

/// Takes the record through the engine, again and again.
fn settle<R: Routes>(router: Router<R>, record: &OwnedRecord, times: u64) {
    let is_handled = record.as_record().headers().get("Event-Type") == Some(b"OrderCreated");
    let engine = BareEngine::new(router, &ConsumerConfig::new(["orders"]));
    for _ in 0..times {
        assert_eq!(ready(engine.settle(black_box(record))), is_handled);
    }
}

fn skip_json(times: u64) {
    let record = OwnedRecord::new("orders", 0, 7)
        .payload(r#"{"type": "InventoryCounted", "id": 7, "sku": "sku-00042"}"#);
    let config = ConsumerConfig::new(["orders"]).event_type(["json:type"]);
    let engine = BareEngine::new(router![on_order_created, on_order_paid], &config);
    for _ in 0..times {
        assert!(!ready(engine.settle(black_box(&record))));
    }
}
