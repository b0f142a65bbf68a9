//! What an app finds when it comes back: exactly what was not committed.

use std::time::Duration;

use evkafka::{
    App, AutoCommitMode, Backoff, Concurrency, ConsumerConfig, FailurePolicy, Metadata, OffsetReset, State,
    handler, router,
};

use crate::support::{Ledger, Running, cluster, committed, config, event, until_committed};

#[handler(event = "OrderCreated")]
async fn on_order(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
}

/// Comes to its end until it meets the record whose number is in the state; that one it never leaves.
#[handler(event = "OrderCreated")]
async fn sticks_at(id: u64, State(at): State<u64>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
    if id == at {
        std::future::pending::<()>().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_shutdown_the_next_run_gets_exactly_what_was_not_handled() {
    let cluster = cluster(1);
    cluster.send_all((0..100).map(|id| event("OrderCreated", id))).await.unwrap();
    for (run, at) in [17_u64, 18, 71].into_iter().enumerate() {
        let ledger = Ledger::default();
        let app = App::new("test")
            .state(ledger.clone())
            .state(at)
            .shutdown_timeout(Duration::from_secs(2))
            .consumer("orders", config(&cluster), router![sticks_at]);
        let app = Running::start(app);
        ledger.until(|calls| calls.iter().any(|call| call.note == at.to_string())).await;
        app.stop().await.unwrap();
        // What was being handled is not committed, and comes again.
        let first = [0, 17, 18][run];
        assert_eq!(ledger.offsets(), (first..=i64::try_from(at).unwrap()).collect::<Vec<_>>());
        assert_eq!(committed(&cluster).await, Some(i64::try_from(at).unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_next_run_gets_what_was_not_committed() {
    let cluster = cluster(1);
    cluster.send_all((0..40).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).state(40_u64).consumer(
        "orders",
        config(&cluster).commit_interval(Duration::from_millis(50)),
        router![sticks_at],
    );
    let app = Running::start(app);
    until_committed(&cluster, 40).await;
    app.kill().await;
    cluster.send_all((40..60).map(|id| event("OrderCreated", id))).await.unwrap();

    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("orders", config(&cluster), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(20).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.offsets(), (40..60).collect::<Vec<_>>());
    assert_eq!(committed(&cluster).await, Some(60));
}

#[handler(event = "OrderCreated")]
async fn always_fails(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), &'static str> {
    ledger.note(&meta, id);
    Err("the ledger is closed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_event_waits_for_the_next_run() {
    let cluster = cluster(1);
    cluster.send_all([event("OrderCreated", 1), event("OrderCreated", 2)]).await.unwrap();
    let ledger = Ledger::default();
    let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)));
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(policy).commit_interval(Duration::from_millis(20)),
        router![always_fails],
    );
    let app = Running::start(app);
    ledger.until_len(20).await;
    app.stop().await.unwrap();
    assert!(ledger.offsets().iter().all(|offset| *offset == 0), "the second waits for the first");
    assert_eq!(committed(&cluster).await, Some(0));

    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("orders", config(&cluster), router![on_order]);
    let app = Running::start(app);
    ledger.until_len(2).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1", "2"]);
}

#[handler(event = "OrderCreated", batch(max = 10, within = "10ms"))]
async fn all_fail(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) -> Result<(), String> {
    ledger.note(&metas[0], ids.len());
    Err("the ledger is closed".into())
}

/// A group that has committed nothing begins at the end, and would pass over what the first run has seen and not handled.
async fn begins_at_the_end(with: impl Fn(ConsumerConfig) -> ConsumerConfig, in_batches: bool) {
    let cluster = cluster(1);
    let config = || {
        let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)));
        with(config(&cluster).auto_offset_reset(OffsetReset::Latest)).failure_policy(policy)
    };
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone());
    let app = Running::start(if in_batches {
        app.consumer("orders", config(), router![all_fail])
    } else {
        app.consumer("orders", config(), router![always_fails])
    });
    for id in 0.. {
        cluster.send(event("OrderCreated", id)).await.unwrap();
        if !ledger.calls().is_empty() {
            break;
        }
    }
    app.stop().await.unwrap();
    // Concurrently, any of those that were taken together may be the first that a handler sees.
    let seen = ledger.offsets()[0];
    let at = committed(&cluster).await.expect("an offset");
    assert!(at <= seen, "{at} is committed, and {seen} was not handled");

    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer("orders", config(), router![on_order]);
    let app = Running::start(app);
    ledger.until(|calls| calls.iter().any(|call| call.offset == seen)).await;
    app.stop().await.unwrap();
}

/// A group that begins at the end, and has met nothing there yet, begins there again, whatever has come meanwhile.
async fn what_comes_while_it_is_away(with: impl Fn(ConsumerConfig) -> ConsumerConfig) {
    let cluster = cluster(1);
    cluster.send_all((0..5).map(|id| event("OrderCreated", id))).await.unwrap();
    let config = || with(config(&cluster).auto_offset_reset(OffsetReset::Latest));
    let ledger = Ledger::default();
    let app = || App::new("test").state(ledger.clone()).consumer("orders", config(), router![on_order]);
    let first = Running::start(app());
    until_committed(&cluster, 5).await;
    first.stop().await.unwrap();
    cluster.send_all((5..10).map(|id| event("OrderCreated", id))).await.unwrap();
    let second = Running::start(app());
    ledger.until_len(5).await;
    second.stop().await.unwrap();
    // Side by side, they come to their ends in any order.
    let mut handled = ledger.offsets();
    handled.sort_unstable();
    assert_eq!(handled, (5..10).collect::<Vec<_>>());
    assert_eq!(committed(&cluster).await, Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_begins_at_the_end_gets_what_comes_while_it_is_away_though_it_has_met_nothing() {
    what_comes_while_it_is_away(|config| config.commit_interval(Duration::from_millis(50))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_pre_commit() {
    let pre_commit = |config: ConsumerConfig| {
        config.commit_interval(Duration::from_millis(50)).auto_commit_mode(AutoCommitMode::PreCommit)
    };
    what_comes_while_it_is_away(pre_commit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_persisted_progress_where_nothing_has_come() {
    let persisting = |config: ConsumerConfig| {
        let config = config.concurrency(Concurrency::Unordered { in_flight: 4 }).persist_progress(true);
        config.commit_interval(Duration::from_millis(50))
    };
    what_comes_while_it_is_away(persisting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_event_waits_for_the_next_run_though_it_is_the_first_of_a_group_that_begins_at_the_end() {
    begins_at_the_end(|config| config, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_in_batches() {
    begins_at_the_end(|config| config, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_side_by_side() {
    begins_at_the_end(|config| config.concurrency(Concurrency::Unordered { in_flight: 4 }), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_persisted_progress() {
    let persisting = |config: ConsumerConfig| {
        config.concurrency(Concurrency::Unordered { in_flight: 4 }).persist_progress(true)
    };
    begins_at_the_end(persisting, false).await;
}
