//! Layers around apps, consumers, routers and handlers.

use std::{sync::Arc, time::Duration};

use evkafka::{
    App, AutoCommitMode, Backoff, Call, Concurrency, Event, FailurePolicy, Layer, Metadata, Next,
    ProducerConfig, Router, State,
    event::Events,
    handle::Attempt,
    handler,
    layer::{ConcurrencyLimit, RateLimit, Timeout, Trace},
    router,
};
use serde::Serialize;
use tokio::sync::Notify;

use crate::support::{Ledger, Log, Running, cluster, committed, config, event, until_committed};

/// Notes its name before and after what it is around.
struct Noted(&'static str, Ledger);

impl Layer for Noted {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        let meta = call.metadata();
        self.1.note(&meta, format!("{} of {}", self.0, call.records().len()));
        let attempt = next.run(call).await;
        self.1.note(&meta, format!("/{}", self.0));
        attempt
    }
}

#[handler(event = "OrderCreated")]
async fn create(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

#[handler(event = "OrderPaid")]
async fn pay(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

#[handler(event = "OrderStored", batch(max = 3, within = "60s"))]
async fn store(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) {
    ledger.note(&metas[0], format!("{ids:?}"));
}

/// Fails at the first attempt.
#[handler(event = "OrderFailed")]
async fn fail(meta: Metadata) -> Result<(), &'static str> {
    if meta.attempt == 1 { Err("down") } else { Ok(()) }
}

fn quick() -> FailurePolicy {
    FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_listed_is_the_outermost_in_each_scope_and_from_scope_to_scope() {
    let cluster = cluster(1);
    cluster.send_all([event("OrderPaid", 1), event("OrderCreated", 2)]).await.unwrap();
    let ledger = Ledger::default();
    let n = |name| Noted(name, ledger.clone());
    let app = evkafka::app! {
        title: "test",
        consumers: {
            orders: config(&cluster) => [create, pay.layer(n("handler 1")).layer(n("handler 2"))]
                .layer(n("router 1"))
                .failure_policy(quick())
                .layer(n("router 2")),
        },
        state: ledger.clone(),
        layers: [n("app 1"), n("app 2")],
    };
    let app = Running::start(app);
    until_committed(&cluster, 2).await;
    app.stop().await.unwrap();
    assert_eq!(
        ledger.notes(),
        [
            "app 1 of 1",
            "app 2 of 1",
            "router 1 of 1",
            "router 2 of 1",
            "handler 1 of 1",
            "handler 2 of 1",
            "1",
            "/handler 2",
            "/handler 1",
            "/router 2",
            "/router 1",
            "/app 2",
            "/app 1",
            "app 1 of 1",
            "app 2 of 1",
            "router 1 of 1",
            "router 2 of 1",
            "2",
            "/router 2",
            "/router 1",
            "/app 2",
            "/app 1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_of_a_merged_or_boxed_router_is_around_those_of_its_parts_and_of_nothing_else() {
    let cluster = cluster(1);
    cluster.send_all([event("OrderCreated", 1), event("OrderPaid", 2)]).await.unwrap();
    let ledger = Ledger::default();
    let n = |name| Noted(name, ledger.clone());
    let boxed: Router = router![create].layer(n("part")).boxed().layer(n("boxed")).boxed();
    let all = boxed.merge(router![pay]).layer(n("all"));
    let app = App::new("test").state(ledger.clone()).consumer("orders", config(&cluster), all.clone());
    let app = Running::start(app);
    until_committed(&cluster, 2).await;
    app.stop().await.unwrap();
    assert_eq!(
        ledger.notes(),
        ["all of 1", "boxed of 1", "part of 1", "1", "/part", "/boxed", "/all", "all of 1", "2", "/all",]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_call_and_each_attempt_another() {
    for concurrency in [Concurrency::PerPartition, Concurrency::PerKey { in_flight: 4 }] {
        let cluster = cluster(1);
        cluster.send_all((1..4).map(|id| event("OrderStored", id))).await.unwrap();
        cluster.send(event("OrderFailed", 4)).await.unwrap();
        let ledger = Ledger::default();
        let app = App::new("test").state(ledger.clone()).layer(Noted("app", ledger.clone())).consumer(
            "orders",
            config(&cluster).concurrency(concurrency).failure_policy(quick()),
            router![store.layer(Noted("handler", ledger.clone())), fail],
        );
        let app = Running::start(app);
        until_committed(&cluster, 4).await;
        app.stop().await.unwrap();
        let mut calls = ledger.calls();
        calls.sort_by_key(|call| (call.offset, call.attempt));
        let notes: Vec<_> =
            calls.iter().map(|call| format!("{} {} {}", call.offset, call.attempt, call.note)).collect();
        assert_eq!(
            notes,
            [
                "0 1 app of 3",
                "0 1 handler of 3",
                "0 1 [1, 2, 3]",
                "0 1 /handler",
                "0 1 /app",
                "3 1 app of 1",
                "3 1 /app",
                "3 2 app of 1",
                "3 2 /app",
            ]
        );
    }
}

/// Ends the attempt as the header of the record says, without calling the handler.
struct Instead;

impl Layer for Instead {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        match call.headers().get("end") {
            Some(b"skip") => Attempt::skip(),
            Some(b"reject") => Attempt::reject("not for us"),
            Some(b"fail") => Attempt::failed("down"),
            Some(b"panic") => panic!("the layer panicked"),
            Some(b"hang") => std::future::pending().await,
            Some(b"later") if call.attempt() == 1 => Attempt::retry_after(Duration::from_millis(5)),
            _ => next.run(call).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_layer_ends_in_is_judged_by_the_failure_policy() {
    let cluster = cluster(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    let ends = ["skip", "reject", "fail", "panic", "hang", "later", ""];
    let events = ends.iter().zip(0..).map(|(end, id)| event("OrderCreated", id).header("end", *end));
    cluster.send_all(events).await.unwrap();
    let ledger = Ledger::default();
    let policy = quick().attempts(2).attempt_timeout(Duration::from_millis(50)).dead_letter("orders.dead");
    let router = router![create].layer(Noted("layer", ledger.clone())).layer(Instead);
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(policy),
        router,
    );
    let app = Running::start(app);
    until_committed(&cluster, 7).await;
    app.stop().await.unwrap();
    let handled: Vec<_> = ledger.calls().into_iter().filter(|call| !call.note.contains("layer")).collect();
    assert_eq!(handled.iter().map(|call| (call.offset, call.attempt)).collect::<Vec<_>>(), [(5, 2), (6, 1)]);
    let attempts: Vec<_> =
        ledger.calls().into_iter().filter(|call| call.note == "layer of 1").map(|call| call.offset).collect();
    assert_eq!(attempts, [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
    let letters = cluster.records("orders.dead").await.unwrap();
    let texts = |name: &str| -> Vec<String> {
        let value = |letter: &evkafka::record::OwnedRecord| {
            let headers = letter.as_record();
            String::from_utf8_lossy(headers.headers().get(name).unwrap()).into_owned()
        };
        letters.iter().map(value).collect()
    };
    assert_eq!(texts("dead-letter-offset"), ["1", "2", "3", "4"]);
    assert_eq!(texts("dead-letter-attempts"), ["1", "2", "2", "2"]);
}

/// A layer that is not an `async fn`, and panics before there is a future.
struct AtOnce;

impl Layer for AtOnce {
    fn call(&self, call: Call<'_>, next: impl Next) -> impl Future<Output = Attempt> + Send {
        assert!(call.attempt() > 1, "the layer panicked at once");
        next.run(call)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_a_layer_outside_of_its_future_is_an_attempt_that_failed() {
    for mut app in [App::new("test"), App::new("test").layer(AtOnce)] {
        let cluster = cluster(1);
        cluster.send_all([event("OrderCreated", 1), event("OrderPaid", 2)]).await.unwrap();
        let ledger = Ledger::default();
        let config = config(&cluster).failure_policy(quick());
        let router = router![create.layer(AtOnce), pay].layer(AtOnce).layer(AtOnce);
        app = app.state(ledger.clone()).consumer("orders", config, router);
        let app = Running::start(app);
        until_committed(&cluster, 2).await;
        app.stop().await.unwrap();
        assert_eq!(ledger.notes(), ["1", "2"]);
        assert_eq!(ledger.calls().iter().map(|call| call.attempt).collect::<Vec<_>>(), [2, 2]);
    }
}

/// Runs until it is released.
#[handler(event = "OrderCreated")]
async fn hold(State(ledger): State<Ledger>, State(release): State<Arc<Notify>>, meta: Metadata) {
    ledger.note(&meta, "begun");
    release.notified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_wait_in_a_layer_do_not_hold_up_a_shutdown() {
    for mode in [AutoCommitMode::PostCommit, AutoCommitMode::PreCommit] {
        let cluster = cluster(1);
        cluster.send_all((0..4).map(|id| event("OrderCreated", id))).await.unwrap();
        let ledger = Ledger::default();
        let limited = RateLimit::new(1, Duration::from_secs(86_400));
        let config =
            config(&cluster).auto_commit_mode(mode).concurrency(Concurrency::Unordered { in_flight: 10 });
        let app = App::new("test").shutdown_timeout(Duration::from_secs(4)).state(ledger.clone()).consumer(
            "orders",
            config,
            router![create].layer(Noted("waits", ledger.clone())).layer(limited),
        );
        let app = Running::start(app);
        // One is handled, and three wait for tomorrow.
        ledger.until(|calls| calls.iter().filter(|call| call.note == "waits of 1").count() == 4).await;
        ledger.until(|calls| calls.iter().any(|call| call.note == "/waits")).await;
        app.stop().await.unwrap();
        let ended = ledger.notes().iter().filter(|note| *note == "/waits").count();
        assert_eq!(ended, 4, "what waits is given back before it would be dropped: {:?}", ledger.notes());
        let handled = ledger.notes().iter().filter(|note| !note.contains("waits")).count();
        assert_eq!(handled, 1, "{:?}", ledger.notes());
        let first = ledger.calls().iter().find(|call| !call.note.contains("waits")).unwrap().offset;
        let expected = match mode {
            AutoCommitMode::PostCommit if first == 0 => Some(1),
            AutoCommitMode::PostCommit => None,
            _ => Some(4),
        };
        assert_eq!(committed(&cluster).await, expected, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_share_a_limit_take_turns() {
    let cluster = cluster(2);
    let events = (0..2).map(|partition| event("OrderCreated", 0).partition(partition));
    cluster.send_all(events).await.unwrap();
    let (ledger, release) = (Ledger::default(), Arc::new(Notify::new()));
    let (limit, limited) = (ConcurrencyLimit::new(1), Ledger::default());
    let router = router![hold].layer(Noted("waits", limited.clone())).layer(limit);
    let app = App::new("test")
        .state(ledger.clone())
        .state(Arc::clone(&release))
        .consumer("first", config(&cluster), router.clone())
        .consumer("second", cluster.config(["orders"], "second"), router);
    let app = Running::start(app);
    limited.until_len(4).await;
    for begun in 1..=4 {
        ledger.until_len(begun).await;
        // All are in the layer, and no other has begun.
        assert_eq!(ledger.calls().len(), begun);
        release.notify_one();
    }
    limited.until(|calls| calls.iter().filter(|call| call.note == "/waits").count() == 4).await;
    app.stop().await.unwrap();
}

#[derive(Serialize, Event)]
#[event(topic = "prices")]
struct OrderPriced {
    id: u64,
}

#[handler(event = "OrderCreated")]
async fn price(id: u64) -> OrderPriced {
    OrderPriced { id }
}

/// Fails the first attempt at a record, although its handler has succeeded.
struct SecondTime;

impl Layer for SecondTime {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        let attempt = next.run(call).await;
        assert!(attempt.is_success());
        if call.attempt() == 1 { Attempt::failed("not yet") } else { attempt }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_returns_is_sent_if_its_layers_let_it_succeed() {
    let cluster = cluster(1);
    cluster.create_topic("prices", 1).unwrap();
    cluster.send_all((0..2).map(|id| event("OrderCreated", id))).await.unwrap();
    let out = ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers());
    let config = config(&cluster).failure_policy(quick());
    let app = App::new("test").layer(Trace::new()).producer("out", out, Events::any()).consumer(
        "orders",
        config,
        router![price].layer(SecondTime),
    );
    let app = Running::start(app);
    until_committed(&cluster, 2).await;
    app.stop().await.unwrap();
    let sent = cluster.records("prices").await.unwrap();
    let payloads: Vec<_> = sent.iter().map(|event| event.as_record().payload().unwrap()).collect();
    assert_eq!(payloads, [br#"{"id":0}"#, br#"{"id":1}"#]);
}

/// Sleeps at the first attempt.
#[handler(event = "OrderCreated")]
async fn slow(State(ledger): State<Ledger>, meta: Metadata) {
    if meta.attempt == 1 {
        std::future::pending::<()>().await;
    }
    ledger.note(&meta, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_exceeds_its_timeout_is_tried_again() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).failure_policy(quick());
    let router = router![slow.layer(Timeout::new(Duration::from_millis(50)))];
    let app = Running::start(App::new("test").state(ledger.clone()).consumer("orders", config, router));
    until_committed(&cluster, 1).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.calls().iter().map(|call| call.attempt).collect::<Vec<_>>(), [2]);
}

#[handler(event = "OrderCreated")]
async fn logs() {
    tracing::info!("a line of an async fn");
}

#[handler(event = "OrderPaid")]
fn logs_blocking() {
    tracing::info!("a line of a plain fn");
}

#[handler(event = "OrderStored", batch(max = 2, within = "60s"))]
async fn logs_batch(_ids: Vec<u64>) {
    tracing::info!("a line of a batch handler");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_of_handlers_say_which_record_they_are_about() {
    let log = Log::capture();
    let cluster = cluster(1);
    let events = ["OrderCreated", "OrderPaid", "OrderStored", "OrderStored"];
    cluster.send_all(events.map(|name| event(name, 1))).await.unwrap();
    let router = router![logs, logs_blocking, logs_batch];
    let app = App::new("test").layer(Trace::new()).consumer("traced-orders", config(&cluster), router);
    let app = Running::start(app);
    until_committed(&cluster, 4).await;
    app.stop().await.unwrap();
    for (line, fields) in [
        ("a line of an async fn", "offset=0 event=\"OrderCreated\" attempt=1}"),
        ("a line of a plain fn", "offset=1 event=\"OrderPaid\" attempt=1}"),
        ("a line of a batch handler", "offset=2 event=\"OrderStored\" attempt=1 records=2}"),
    ] {
        let of_record = format!("handle{{consumer=traced-orders topic=orders partition=0 {fields}");
        assert_eq!(log.lines_with(&[line, &of_record]).len(), 1, "{:?}", log.lines_with(&[line]));
    }
}
