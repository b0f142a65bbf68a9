//! Layers: what happens around handlers. One of this service's own, and those that evkafka brings, around the app, a consumer's
//! handlers, and a single handler.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use evkafka::{
    Backoff, Call, FailurePolicy, Layer, Next, Result, State,
    embedded::{Cluster, Event},
    handle::Attempt,
    handler,
    layer::{ConcurrencyLimit, RateLimit, Timeout, Trace},
};
use evkafka_examples::{expect, log, within};
use tokio::sync::Notify;

/// Adds up how often each event was handled, and how long that took: a layer of this service's own.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<BTreeMap<String, (u32, Duration)>>>);

impl Layer for Times {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        let begun = Instant::now();
        let attempt = next.run(call).await;
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (calls, total) = times.entry(call.event().unwrap_or("?").to_owned()).or_default();
        (*calls, *total) = (*calls + 1, *total + begun.elapsed());
        attempt
    }
}

/// Lets only the records of one tenant through.
struct Tenant(&'static str);

impl Layer for Tenant {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        match call.headers().get("tenant") {
            Some(tenant) if tenant == self.0.as_bytes() => next.run(call).await,
            _ => Attempt::skip(),
        }
    }
}

#[handler(event = "OrderCreated")]
async fn on_order_created(id: u64) {
    println!("order {id}");
}

/// Hangs at the first attempt, until its timeout.
#[handler(event = "OrderPaid")]
async fn on_order_paid(id: u64, meta: evkafka::Metadata) {
    if meta.attempt == 1 {
        std::future::pending::<()>().await;
    }
    println!("order {id} is paid");
}

#[handler(event = "Closed")]
async fn on_closed(State(done): State<Arc<Notify>>) {
    done.notify_one();
}

#[tokio::main]
async fn main() -> Result<()> {
    log();
    let cluster = Cluster::start()?;
    cluster.create_topic("orders", 1)?;
    let event = |name, id: u32| Event::new("orders").event_type(name).payload(id.to_string());
    cluster
        .send_all([
            event("OrderCreated", 1).header("tenant", "north"),
            event("OrderCreated", 2).header("tenant", "south"),
            event("OrderPaid", 1).header("tenant", "north"),
            event("OrderCreated", 3).header("tenant", "north"),
            event("Closed", 0).header("tenant", "north"),
        ])
        .await?;

    let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(20)));
    let orders = cluster.config(["orders"], "billing").failure_policy(policy);
    let (times, done) = (Times::default(), Arc::new(Notify::new()));
    let app = evkafka::app! {
        title: "billing",
        state: Arc::clone(&done),
        // The first is the outermost, everywhere.
        layers: [Trace::new(), times.clone()],
        consumers: {
            orders: orders => [
                on_order_created.layer(RateLimit::per_second(50)),
                on_order_paid.layer(Timeout::new(Duration::from_millis(50))),
                on_closed,
            ]
            .layer(Tenant("north"))
            .layer(ConcurrencyLimit::new(10)),
        },
    };
    within(Duration::from_secs(30), app.run_until(done.notified())).await?;

    let times = times.0.lock().unwrap_or_else(PoisonError::into_inner);
    times.iter().for_each(|(event, (calls, total))| println!("{event}: {calls} calls, {total:?}"));
    let calls: Vec<_> = times.iter().map(|(event, (calls, _))| (event.as_str(), *calls)).collect();
    expect(
        calls == [("Closed", 1), ("OrderCreated", 3), ("OrderPaid", 2)],
        "each attempt should be one call, the skipped one too",
    )
}
