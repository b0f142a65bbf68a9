//! A record, again and again: what `scripts/instructions` counts the instructions of.
//!
//! `instructions skipped N` takes N unmatched records through the engine, `handled` N matched ones, and `by-hand` does
//! what is left of `handled` without an engine: the payload decoded, the handler's function called. `json-skipped` takes records whose
//! type is the first field of their payload, `layered` matched ones through a layer that does nothing around the router, and
//! `layered-handler` and `layered-app` through one around the handler or the app. `sent` sends N events and waits for all
//! acknowledgements, `encoded` only encodes them.

use std::{
    env,
    hint::black_box,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use evkafka::{
    __private::testing::BareEngine,
    Call, ConsumerConfig, Event, Layer, Next, Producer, ProducerConfig, Router,
    embedded::Cluster,
    handle::Attempt,
    handler,
    record::{OwnedRecord, Timestamp, TimestampKind},
    route::Routes,
    router,
};
use evkafka_tests::ready;
use serde::{Deserialize, Serialize};

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
    match &*what {
        "json-skipped" => return skip_json(times),
        "sent" => return send(times),
        "encoded" => return encode(times),
        _ => {}
    }
    let event = if what == "skipped" { "InventoryCounted" } else { "OrderCreated" };
    // As records have it that come from a broker.
    let written = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let written = i64::try_from(written.as_millis()).expect("it is before the year 292277026");
    let record = OwnedRecord::new("orders", 0, 7)
        .timestamp(Timestamp::new(written, TimestampKind::Create))
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

/// What `by-hand` and `handled` decode.
#[derive(Serialize, Event)]
#[event(topic = "prices", key = id)]
struct OrderPriced<'a> {
    id: u64,
    sku: &'a str,
}

fn send(times: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let cluster = Cluster::start().expect("a cluster");
        cluster.create_topic("prices", 1).expect("a topic");
        let config = ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers());
        let producer = Producer::new("bench", &config).expect("a producer");
        for _ in 0..times {
            send_one(&producer);
        }
        assert!(producer.flush(Duration::from_secs(600)).await);
    });
}

fn encode(times: u64) {
    let mut payload = Vec::with_capacity(256);
    for _ in 0..times {
        payload.clear();
        let event = black_box(OrderPriced { id: 7, sku: "sku-00042" });
        serde_json::to_writer(&mut payload, &event).expect("plain data");
        black_box(&payload);
    }
}

/// One event into the queue. What is counted on this side begins and ends here.
#[inline(never)]
fn send_one(producer: &Producer) {
    let event = black_box(OrderPriced { id: 7, sku: "sku-00042" });
    ready(producer.send(&event).enqueue()).expect("there is room");
}
