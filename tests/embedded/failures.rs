//! What becomes of a record whose handler fails, panics, or cannot be called.

use std::time::Duration;

use evkafka::{
    App, AutoCommitMode, Backoff, Concurrency, FailurePolicy, LastStep, Metadata, Outcome, State,
    embedded::Event, error::ErrorKind, handler, router, settle::FailureKind,
};

use crate::support::{Call, Ledger, Log, Running, classic_config, cluster, committed, config, event};

fn quick() -> FailurePolicy {
    FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)))
}

/// Fails the first two attempts at each third record.
#[handler(event = "OrderCreated")]
async fn fails_twice(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), String> {
    ledger.note(&meta, id);
    if id.is_multiple_of(3) && meta.attempt < 3 {
        Err(format!("attempt {} of {id}", meta.attempt))
    } else {
        Ok(())
    }
}

#[handler(event = "OrderPaid")]
async fn panics_once(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
    assert!(meta.attempt > 1, "boom");
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_handles_a_failed_event_again_in_its_place() {
    let cluster = cluster(1);
    cluster.send_all((0..6).map(|id| event("OrderCreated", id))).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(quick()),
        router![fails_twice],
    );
    let app = Running::start(app);
    ledger.until_len(10).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["0", "0", "0", "1", "2", "3", "3", "3", "4", "5"]);
    assert_eq!(committed(&cluster).await, Some(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failure_like_any_other() {
    let cluster = cluster(1);
    cluster.send_all([event("OrderPaid", 1), event("OrderPaid", 2)]).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(quick()),
        router![panics_once],
    );
    let app = Running::start(app);
    ledger.until_len(4).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1", "1", "2", "2"]);
    assert_eq!(committed(&cluster).await, Some(2));
}

#[derive(Debug)]
struct Unprintable;

impl std::fmt::Display for Unprintable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Unprintable {}

#[handler(event = "OrderRefunded")]
async fn fails_without_words() -> Result<(), Unprintable> {
    Err(Unprintable)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_cannot_be_printed_ends_the_app_as_any_other_does() {
    let cluster = cluster(1);
    cluster.send_all([event("Unknown", 1), event("OrderRefunded", 2)]).await.unwrap();
    let app = App::new("test").consumer(
        "orders",
        config(&cluster).failure_policy(quick().attempts(2)),
        router![fails_without_words],
    );
    let error = Running::start(app).ends().await.unwrap_err();
    let record = error.record().expect("a record");
    assert_eq!((record.offset, record.attempts, record.failure.kind()), (1, 2, FailureKind::Error));
    assert!(format!("{error:?}").contains("no words"), "{error:?}");
    assert_eq!(committed(&cluster).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_makes_one_attempt_and_goes_on() {
    for concurrency in [Concurrency::PerPartition, Concurrency::Unordered { in_flight: 1 }] {
        let cluster = cluster(1);
        cluster.send_all((0..6).map(|id| event("OrderCreated", id))).await.unwrap();
        cluster.send(event("OrderPaid", 6)).await.unwrap();
        cluster
            .send(Event::new("orders").partition(0).event_type("OrderPaid").payload("broken"))
            .await
            .unwrap();
        cluster.send(event("OrderCreated", 8)).await.unwrap();
        let ledger = Ledger::default();
        let config = config(&cluster).auto_commit_mode(AutoCommitMode::PreCommit).concurrency(concurrency);
        let app = App::new("test").state(ledger.clone()).consumer(
            "orders",
            config,
            router![fails_twice, panics_once],
        );
        let app = Running::start(app);
        ledger.until_len(8).await;
        app.stop().await.unwrap();
        let mut notes = ledger.notes();
        if concurrency != Concurrency::PerPartition {
            notes.sort();
        }
        assert_eq!(notes, ["0", "1", "2", "3", "4", "5", "6", "8"]);
        assert_eq!(committed(&cluster).await, Some(9));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_does_not_decode_stops_the_app_with_an_error_that_names_it() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    cluster
        .send(Event::new("orders").partition(0).event_type("OrderCreated").payload("{\"id\":"))
        .await
        .unwrap();
    cluster.send(event("OrderCreated", 2)).await.unwrap();
    let ledger = Ledger::default();
    let app =
        App::new("test").state(ledger.clone()).consumer("billing", config(&cluster), router![fails_twice]);
    let error = Running::start(app).ends().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Record);
    let record = error.record().unwrap();
    assert_eq!((&*record.origin.topic, record.origin.partition, record.offset), ("orders", 0, 1));
    assert_eq!((record.event.as_deref(), record.attempts), (Some("OrderCreated"), 1));
    assert_eq!(record.failure.kind(), FailureKind::Undecodable);
    assert_eq!(
        format!("{error:?}"),
        "consumer `billing` stopped at orders[0] offset 1, event `OrderCreated`, attempt 1: the record could not be \
         decoded\n  caused by: the payload is not a valid `u64`\n  caused by: invalid type: map, expected u64 at line 1 \
         column 0"
    );
    assert_eq!(ledger.notes(), ["1"], "nothing behind it was handled");
    assert_eq!(committed(&cluster).await, Some(1), "what is before it is committed, and it is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_uses_up_its_attempts_stops_the_app() {
    let cluster = cluster(1);
    cluster.send_all([event("OrderCreated", 1), event("OrderCreated", 3)]).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(quick().attempts(2)),
        router![fails_twice],
    );
    let error = Running::start(app).ends().await.unwrap_err();
    let record = error.record().unwrap();
    assert_eq!((record.offset, record.attempts, record.failure.kind()), (1, 2, FailureKind::Error));
    assert_eq!(record.failure.cause().to_string(), "attempt 2 of 3");
    assert_eq!(committed(&cluster).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_step_skip_goes_past_what_cannot_be_handled() {
    for concurrency in [Concurrency::PerPartition, Concurrency::PerKey { in_flight: 4 }] {
        let cluster = cluster(1);
        let broken = Event::new("orders").partition(0).event_type("OrderCreated").payload("broken");
        cluster.send_all([broken, event("OrderCreated", 3), event("OrderCreated", 4)]).await.unwrap();
        let ledger = Ledger::default();
        let policy = quick().attempts(2).last_step(LastStep::Skip);
        let app = App::new("test").state(ledger.clone()).consumer(
            "orders",
            config(&cluster).failure_policy(policy).concurrency(concurrency),
            router![fails_twice],
        );
        let app = Running::start(app);
        ledger.until_len(3).await;
        app.stop().await.unwrap();
        let mut notes = ledger.notes();
        notes.sort();
        assert_eq!(notes, ["3", "3", "4"]);
        assert_eq!(committed(&cluster).await, Some(3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_may_have_a_policy_of_its_own() {
    let cluster = cluster(1);
    cluster.send_all([event("OrderCreated", 3), event("OrderPaid", 4)]).await.unwrap();
    let ledger = Ledger::default();
    let lenient = FailurePolicy::new().attempts(1).last_step(LastStep::Skip);
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(quick()),
        router![panics_once].merge(router![fails_twice].failure_policy(lenient)),
    );
    let app = Running::start(app);
    ledger.until_len(3).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["3", "4", "4"], "one attempt for the lenient, two for the other");
}

#[handler(event = "OrderCreated")]
async fn never_ends_at_first(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, id);
    if meta.attempt == 1 {
        std::future::pending::<()>().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_takes_too_long_is_made_again() {
    let cluster = cluster(1);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let ledger = Ledger::default();
    let policy = quick().attempt_timeout(Duration::from_millis(50));
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(policy),
        router![never_ends_at_first],
    );
    let app = Running::start(app);
    ledger.until_len(2).await;
    app.stop().await.unwrap();
    assert_eq!(committed(&cluster).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_an_attempt_that_takes_too_long_is_the_only_one() {
    for concurrency in [Concurrency::PerPartition, Concurrency::PerKey { in_flight: 1 }] {
        let cluster = cluster(1);
        cluster.send_all((1..4).map(|id| event("OrderCreated", id).key("k"))).await.unwrap();
        let ledger = Ledger::default();
        let config = config(&cluster)
            .auto_commit_mode(AutoCommitMode::PreCommit)
            .concurrency(concurrency)
            .failure_policy(quick().attempt_timeout(Duration::from_millis(50)));
        let app = App::new("test").state(ledger.clone());
        let app = Running::start(app.consumer("orders", config, router![never_ends_at_first]));
        ledger.until_len(3).await;
        app.stop().await.unwrap();
        assert_eq!(ledger.notes(), ["1", "2", "3"], "{concurrency:?}");
        assert_eq!(committed(&cluster).await, Some(3));
    }
}

/// Takes a hundred times as long as an attempt may.
#[handler(event = "OrderCreated")]
fn blocks(id: u64, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("{id} begun"));
    std::thread::sleep(Duration::from_millis(500));
    ledger.note(&meta, format!("{id} done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_function_has_no_time_limit() {
    for mode in [AutoCommitMode::PostCommit, AutoCommitMode::PreCommit] {
        let cluster = cluster(1);
        cluster.send_all([event("OrderCreated", 1), event("OrderCreated", 2)]).await.unwrap();
        let ledger = Ledger::default();
        let policy = quick().attempt_timeout(Duration::from_millis(5));
        let config = config(&cluster).auto_commit_mode(mode).failure_policy(policy);
        let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![blocks]);
        let app = Running::start(app);
        ledger.until(|calls| calls.iter().any(|call| call.note == "2 done")).await;
        app.stop().await.unwrap();
        assert_eq!(ledger.notes(), ["1 begun", "1 done", "2 begun", "2 done"], "{mode:?}");
        assert_eq!(committed(&cluster).await, Some(2), "{mode:?}");
    }
}

#[handler(event = ["Skipped", "Postponed", "Rejected"])]
async fn says_what_it_wants(
    id: u64,
    evkafka::EventType(event): evkafka::EventType<'_>,
    State(ledger): State<Ledger>,
    meta: Metadata,
) -> Outcome {
    ledger.note(&meta, format!("{event} {id}"));
    match event {
        "Skipped" => Outcome::Skip,
        "Postponed" if meta.attempt == 1 => Outcome::RetryAfter(Duration::from_millis(10)),
        "Rejected" => Outcome::Reject("of no use".into()),
        _ => Outcome::Done,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_can_skip_postpone_and_reject() {
    let cluster = cluster(1);
    cluster.send_all([event("Skipped", 1), event("Postponed", 2), event("Rejected", 3)]).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster),
        router![says_what_it_wants],
    );
    let error = Running::start(app).ends().await.unwrap_err();
    assert_eq!(ledger.notes(), ["Skipped 1", "Postponed 2", "Postponed 2", "Rejected 3"]);
    let record = error.record().unwrap();
    assert_eq!((record.offset, record.failure.kind()), (2, FailureKind::Rejected));
    assert_eq!(committed(&cluster).await, Some(2));
}

/// Fails for ever in partition 0.
#[handler(event = "OrderCreated")]
async fn fails_in_partition_0(
    id: u64,
    State(ledger): State<Ledger>,
    meta: Metadata,
) -> Result<(), &'static str> {
    ledger.note(&meta, id);
    if meta.partition == 0 { Err("down") } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_waits_out_a_backoff_stops_no_other_and_no_shutdown() {
    let cluster = cluster(2);
    cluster.send(event("OrderCreated", 1)).await.unwrap();
    let long = FailurePolicy::new().backoff(Backoff::constant(Duration::from_secs(3600)).jitter(0.0));
    let ledger = Ledger::default();
    // A shutdown that waits for the backoff would not end.
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::MAX).consumer(
        "orders",
        config(&cluster).failure_policy(long),
        router![fails_in_partition_0],
    );
    let app = Running::start(app);
    ledger.until(|calls| calls.iter().any(|call| call.partition == 0)).await;
    cluster.send_all((0..100).map(|id| event("OrderCreated", id).partition(1))).await.unwrap();
    ledger.until(|calls| calls.iter().filter(|call| call.partition == 1).count() == 100).await;
    app.stop().await.unwrap();
    let offsets = cluster.committed("billing", "orders").await.unwrap();
    assert_eq!((offsets.get(&0), offsets.get(&1)), (Some(&0), Some(&100)));
}

/// Fails for ever for one key.
#[handler(event = "OrderCreated")]
async fn fails_for_one_key(
    id: u64,
    evkafka::Key(key): evkafka::Key<'_>,
    State(ledger): State<Ledger>,
    meta: Metadata,
) -> Result<(), &'static str> {
    ledger.note(&meta, id);
    if key == Some(b"bad") { Err("down") } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_waits_out_a_backoff_stops_no_other_key() {
    let cluster = cluster(1);
    cluster.send_all((0..3).map(|id| event("OrderCreated", id).key("bad"))).await.unwrap();
    cluster.send_all((3..200).map(|id| event("OrderCreated", id).key(id.to_string()))).await.unwrap();
    let long = FailurePolicy::new().backoff(Backoff::constant(Duration::from_secs(3600)).jitter(0.0));
    let ledger = Ledger::default();
    // One in flight: a record that waits must not take the place of others.
    let config = config(&cluster).failure_policy(long).concurrency(Concurrency::PerKey { in_flight: 1 });
    let app = App::new("test").state(ledger.clone()).consumer("orders", config, router![fails_for_one_key]);
    let app = Running::start(app);
    ledger.until_len(198).await;
    app.stop().await.unwrap();
    let notes = ledger.notes();
    assert!(!notes.contains(&"1".to_owned()), "the second record of a key waits for the first: {notes:?}");
    assert_eq!(committed(&cluster).await, Some(0), "the lowest unsettled record is the first");
}

#[handler(event = "OrderCreated")]
async fn always_fails(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Result<(), &'static str> {
    ledger.note(&meta, id);
    Err("down")
}

/// Neither the backoff nor the time for a revocation is over before the test has failed.
async fn a_backoff_delays_no_rebalance(concurrency: Concurrency, names: [&str; 2]) {
    let (log, cluster) = (Log::capture(), cluster(2));
    cluster.send_all((0..2).map(|id| event("OrderCreated", id).partition(id as i32))).await.unwrap();
    let long = FailurePolicy::new().backoff(Backoff::constant(Duration::from_secs(3600)).jitter(0.0));
    let ledger = Ledger::default();
    let config = classic_config(&cluster)
        .concurrency(concurrency)
        .failure_policy(long)
        // The embedded cluster goes on without a member that has not rejoined after a second less.
        .property("session.timeout.ms", 8000)
        .property("max.poll.interval.ms", 2_000_000)
        .revoke_grace(Duration::from_secs(1000));
    let start = |name| {
        let app = App::new("test").state(ledger.clone());
        Running::start(app.consumer(name, config.clone(), router![always_fails]))
    };
    let by_second = |calls: &[Call]| calls.iter().filter(|call| call.consumer == names[1]).count();
    let first = start(names[0]);
    ledger.until_len(2).await;
    let second = start(names[1]);
    ledger.until(|calls| by_second(calls) > 0).await;
    second.stop().await.unwrap();
    assert_eq!(by_second(&ledger.calls()), 1, "the first keeps a partition");
    first.stop().await.unwrap();
    assert_eq!(log.lines_with(&[names[0], "continued without this member"]), [] as [&str; 0]);
    let committed = cluster.committed("billing", "orders").await.unwrap();
    assert!(committed.values().all(|&offset| offset == 0), "{committed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_waits_out_a_backoff_delays_no_rebalance() {
    tokio::join!(
        a_backoff_delays_no_rebalance(Concurrency::PerPartition, ["backs-off-in-order", "joins-in-order"]),
        a_backoff_delays_no_rebalance(
            Concurrency::PerKey { in_flight: 4 },
            ["backs-off-per-key", "joins-per-key"]
        ),
    );
}
