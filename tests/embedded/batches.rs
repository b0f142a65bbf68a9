//! Handlers that take many events at a time.

use std::time::Duration;

use evkafka::{
    App, AutoCommitMode, Backoff, Concurrency, FailurePolicy, Key, LastStep, Metadata, Raw, State,
    embedded::Event, error::ErrorKind, handler, router,
};
use serde::Deserialize;

use crate::support::{Ledger, Running, cluster, committed, config, event, until_committed};

/// Notes a batch as `1 2 3`, at its first record.
fn note(ledger: &Ledger, metas: &[Metadata], ids: &[u64]) {
    assert_eq!(metas.len(), ids.len());
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    ledger.note(&metas[0], ids.join(" "));
}

#[handler(event = "OrderCreated", batch(max = 10, within = "300ms"))]
async fn store(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) -> Result<(), String> {
    note(&ledger, &metas, &ids);
    // Each batch that begins with a multiple of 20 fails once.
    if ids[0].is_multiple_of(20) && ids[0] > 0 && metas[0].attempt == 1 { Err("down".into()) } else { Ok(()) }
}

#[handler(event = "OrderPaid")]
async fn pay(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("paid {id}"));
}

fn quick() -> FailurePolicy {
    FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)))
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_handled_in_batches_that_fail_and_are_committed_as_one() {
    let cluster = cluster(1);
    cluster.send_all((0..25).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).failure_policy(quick());
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![store]);
    let app = Running::start(app);
    until_committed(&cluster, 25).await;
    app.stop().await.unwrap();
    assert_eq!(
        ledger.notes(),
        ["0 1 2 3 4 5 6 7 8 9", "10 11 12 13 14 15 16 17 18 19", "20 21 22 23 24", "20 21 22 23 24"]
    );
    assert_eq!(ledger.calls().iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_for_another_handler_ends_a_batch_and_one_for_nobody_does_not() {
    let cluster = cluster(1);
    let events =
        [("OrderCreated", 1), ("Unknown", 2), ("OrderCreated", 3), ("OrderPaid", 4), ("OrderCreated", 5)];
    cluster.send_all(events.map(|(name, id)| event(name, id))).await.unwrap();
    cluster.send(event("Unknown", 6)).await.unwrap();
    let ledger = Ledger::default();
    let app =
        App::new("test").state(ledger.clone()).consumer("orders", config(&cluster), router![store, pay]);
    let app = Running::start(app);
    until_committed(&cluster, 6).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1 3", "paid 4", "5"]);
}

#[handler(event = "OrderCreated", batch(max = 100, within = "60s"))]
async fn never_enough(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) {
    note(&ledger, &metas, &ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_collected_at_the_end_is_left_to_the_next_run_or_handled_if_it_was_committed() {
    for concurrency in [Concurrency::PerPartition, Concurrency::PerKey { in_flight: 10 }] {
        let cluster = cluster(1);
        cluster
            .send_all([event("OrderPaid", 1), event("OrderCreated", 2), event("OrderPaid", 3)])
            .await
            .unwrap();
        cluster.send_all([event("OrderCreated", 4)]).await.unwrap();
        let run = async |mode| {
            let ledger = Ledger::default();
            let config = config(&cluster).auto_commit_mode(mode).concurrency(concurrency);
            let app =
                App::new("test").state(ledger.clone()).consumer("orders", config, router![never_enough, pay]);
            let app = Running::start(app);
            ledger.until(|calls| calls.iter().any(|call| call.note.starts_with("paid"))).await;
            (app, ledger)
        };
        let (app, ledger) = run(AutoCommitMode::PostCommit).await;
        ledger.until(|calls| calls.iter().any(|call| call.note == "paid 3")).await;
        app.stop().await.unwrap();
        let in_order = concurrency == Concurrency::PerPartition;
        assert_eq!(committed(&cluster).await, Some(if in_order { 3 } else { 1 }), "{concurrency:?}");
        cluster.send(event("OrderPaid", 5)).await.unwrap();
        let (app, ledger) = run(AutoCommitMode::PreCommit).await;
        until_committed(&cluster, 5).await;
        app.stop().await.unwrap();
        let notes = ledger.notes();
        for id in if in_order { &["4", "5"][..] } else { &["2", "4", "5"] } {
            assert!(
                notes.iter().any(|note| note.split(' ').any(|word| word == *id)),
                "{id} is not in {notes:?}"
            );
        }
    }
}

#[handler(event = "OrderCreated", batch(max = 1000, within = "60s"))]
async fn patient(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) {
    note(&ledger, &metas, &ids);
}

#[handler(event = "Large", batch(max = 1000, within = "1s"))]
async fn large(payloads: Vec<Raw<'_>>, State(ledger): State<Ledger>, metas: Vec<Metadata>) {
    ledger.note(&metas[0], payloads.iter().map(|Raw(payload)| payload.len()).sum::<usize>());
}

/// 4 MB in 200 records, of a partition whose share of the memory is 256 KiB.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_limited_by_its_size_too() {
    for concurrency in [Concurrency::PerPartition, Concurrency::PerKey { in_flight: 10 }] {
        for mode in [AutoCommitMode::PostCommit, AutoCommitMode::PreCommit] {
            let cluster = cluster(1);
            for _ in 0..200 {
                // One at a time: what the producer puts into one batch comes whole, however much that is.
                let large = Event::new("orders").partition(0).event_type("Large");
                cluster.send(large.payload(vec![b'x'; 20_000])).await.unwrap();
            }
            let ledger = Ledger::default();
            let config =
                config(&cluster).concurrency(concurrency).auto_commit_mode(mode).prefetch_memory_mib(1);
            let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![large]);
            let app = Running::start(app);
            let sizes = || ledger.notes().iter().map(|note| note.parse().unwrap()).collect::<Vec<usize>>();
            ledger.until(|_| sizes().iter().sum::<usize>() == 4_000_000).await;
            app.stop().await.unwrap();
            let largest = sizes().into_iter().max().unwrap();
            assert!(largest <= 300_000, "{largest} bytes at a time: {concurrency:?}, {mode:?}");
        }
    }
}

/// No more may be taken when what is settled ahead would not fit into a commit any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_to_which_nothing_can_be_added_is_handled_at_once() {
    let cluster = cluster(1);
    let name = |id| if id % 50 == 0 { "OrderCreated" } else { "Unknown" };
    cluster.send_all((0..30_000).map(|id| event(name(id), id))).await.unwrap();
    let ledger = Ledger::default();
    let config =
        config(&cluster).concurrency(Concurrency::Unordered { in_flight: 10 }).persist_progress(true);
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![patient]);
    let app = Running::start(app);
    ledger.until_len(1).await;
    app.stop().await.unwrap();
    let batch = ledger.notes()[0].split(' ').count();
    assert!((300..600).contains(&batch), "{batch}");
}

#[derive(Deserialize)]
struct Order<'r> {
    id: u64,
    sku: &'r str,
}

#[handler(event = ["OrderCreated", "OrderChanged"], batch(max = 3, within = "10s"))]
async fn borrowing(
    orders: Vec<Order<'_>>,
    keys: Vec<Key<'_>>,
    State(ledger): State<Ledger>,
    metas: Vec<Metadata>,
) {
    let lines = orders.iter().zip(keys).map(|(Order { id, sku }, Key(key))| format!("{id}{sku}{key:?}"));
    ledger.note(&metas[0], lines.collect::<Vec<_>>().join(" "));
}

#[handler(event = "OrderPaid", batch(max = 2, within = "10s"))]
fn plain(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) {
    note(&ledger, &metas, &ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_may_borrow_and_may_be_handled_by_a_plain_function() {
    let cluster = cluster(1);
    let order = |name: &str, id: u64| {
        let payload = format!("{{\"id\":{id},\"sku\":\"a\"}}");
        Event::new("orders").partition(0).event_type(name).key("k").payload(payload)
    };
    cluster
        .send_all([order("OrderCreated", 1), order("OrderChanged", 2), order("OrderCreated", 3)])
        .await
        .unwrap();
    cluster.send_all([event("OrderPaid", 4), event("OrderPaid", 5)]).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster),
        router![borrowing, plain],
    );
    let app = Running::start(app);
    until_committed(&cluster, 5).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1aSome([107]) 2aSome([107]) 3aSome([107])", "4 5"]);
}

/// 0 to 9, of which 3 and 6 are no numbers.
async fn with_two_that_do_not_decode(
    last_step: LastStep,
    concurrency: Concurrency,
) -> (Ledger, Option<i64>, evkafka::Result<()>) {
    let cluster = cluster(1);
    cluster
        .send_all((0..10).map(|id| match id {
            3 | 6 => event("OrderCreated", id).payload("broken"),
            _ => event("OrderCreated", id),
        }))
        .await
        .unwrap();
    let ledger = Ledger::default();
    let stops = last_step == LastStep::Stop;
    let policy = quick().last_step(last_step);
    let config = config(&cluster).failure_policy(policy).concurrency(concurrency);
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![store]);
    let app = Running::start(app);
    let ended = match stops {
        true => app.ends().await,
        false => {
            until_committed(&cluster, 10).await;
            app.stop().await
        }
    };
    (ledger, committed(&cluster).await, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_decode_takes_the_last_step_by_itself_and_the_others_are_handled() {
    for concurrency in [Concurrency::PerPartition, Concurrency::Unordered { in_flight: 4 }] {
        let (ledger, committed, ended) = with_two_that_do_not_decode(LastStep::Skip, concurrency).await;
        ended.unwrap();
        assert_eq!(ledger.notes(), ["0 1 2 4 5 7 8 9"], "{concurrency:?}");
        assert_eq!(committed, Some(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_stops_at_what_does_not_decode_has_handled_what_was_before_it() {
    for concurrency in [Concurrency::PerPartition, Concurrency::Unordered { in_flight: 4 }] {
        let (ledger, committed, ended) = with_two_that_do_not_decode(LastStep::Stop, concurrency).await;
        let error = ended.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Record);
        assert_eq!(error.record().unwrap().offset, 3, "{error}");
        assert_eq!(ledger.notes(), ["0 1 2"], "{concurrency:?}");
        assert_eq!(committed, Some(3));
    }
}

#[handler(event = "OrderCreated", batch(max = 20, within = "50ms"))]
async fn slow_store(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    metas.iter().zip(ids).for_each(|(meta, id)| ledger.note(meta, id));
}

#[handler(event = "OrderPaid")]
async fn quick_pay(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn side_by_side_the_order_of_each_key_is_kept_across_batches_and_single_events() {
    let cluster = cluster(1);
    // Ten keys; every third event is for the handler of single events.
    let events = (0..600).map(|id: u64| {
        let name = if id.is_multiple_of(3) { "OrderPaid" } else { "OrderCreated" };
        event(name, id).key((id % 10).to_string())
    });
    cluster.send_all(events).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).concurrency(Concurrency::PerKey { in_flight: 50 });
    let app =
        App::new("test").state(ledger.clone()).consumer("orders", config, router![slow_store, quick_pay]);
    let app = Running::start(app);
    until_committed(&cluster, 600).await;
    app.stop().await.unwrap();
    for key in 0..10 {
        let of_key = |id: &u64| id % 10 == key;
        let handled: Vec<u64> =
            ledger.notes().iter().map(|note| note.parse().unwrap()).filter(of_key).collect();
        assert_eq!(handled, (0..600).filter(of_key).collect::<Vec<_>>(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_order_a_batch_is_collected_past_the_events_of_others() {
    let cluster = cluster(1);
    let events = (0..20).map(|id| event(if id % 2 == 0 { "OrderPaid" } else { "OrderCreated" }, id));
    cluster.send_all(events).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).concurrency(Concurrency::Unordered { in_flight: 4 });
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![store, pay]);
    let app = Running::start(app);
    until_committed(&cluster, 20).await;
    app.stop().await.unwrap();
    assert!(ledger.notes().contains(&"1 3 5 7 9 11 13 15 17 19".to_owned()), "{:?}", ledger.notes());
}
