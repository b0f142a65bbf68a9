//! What becomes of the record of a handler that ends because it was cancelled.

use std::{convert::Infallible, time::Duration};

use evkafka::{
    App, AutoCommitMode, Backoff, CancellationToken, Concurrency, FailurePolicy, LastStep, Metadata, Outcome,
    State,
    embedded::{Cluster, Event},
    handle::{Context, FromContext},
    handler, router,
};
use tokio::task::JoinSet;

use crate::support::{Ledger, Running, cluster, committed, config, event, until_committed};

/// Waits for its cancellation, and then ends as the payload says.
async fn end(how: &str, token: &CancellationToken) -> Result<Outcome, &'static str> {
    token.cancelled().await;
    match how {
        "\"succeeds\"" => Ok(Outcome::Done),
        "\"fails\"" => Err("cancelled"),
        "\"panics\"" => panic!("cancelled"),
        "\"postpones\"" => Ok(Outcome::RetryAfter(Duration::from_millis(1))),
        "\"rejects\"" => Ok(Outcome::Reject("cancelled".into())),
        "\"releases\"" => Ok(Outcome::Release),
        other => unreachable!("{other}"),
    }
}

#[handler(event = "Single")]
async fn single(
    evkafka::Text(how): evkafka::Text<'_>,
    token: CancellationToken,
    State(ledger): State<Ledger>,
    meta: Metadata,
) -> Result<Outcome, &'static str> {
    ledger.note(&meta, "begun");
    end(how, &token).await
}

#[handler(event = "Batch", batch(max = 3, within = "60s"))]
async fn batch(
    texts: Vec<evkafka::Text<'_>>,
    token: CancellationToken,
    State(ledger): State<Ledger>,
    metas: Vec<Metadata>,
) -> Result<Outcome, &'static str> {
    ledger.note(&metas[0], "begun");
    end(texts[0].0, &token).await
}

const IN_ORDER: Concurrency = Concurrency::PerPartition;
const PER_KEY: Concurrency = Concurrency::PerKey { in_flight: 10 };

fn once(last_step: LastStep) -> FailurePolicy {
    FailurePolicy::new().attempts(1).last_step(last_step)
}

fn to_dead_letters() -> LastStep {
    LastStep::DeadLetter { topic: "dead".into() }
}

/// Three records whose handler ends in this way when it is cancelled.
fn three(event_type: &str, how: &str) -> impl Iterator<Item = Event> {
    (0..3).map(move |id| event(event_type, id).key("k").payload(format!("\"{how}\"")))
}

/// How an app ends that is shut down while it handles three records, and what is committed then.
async fn shut_down_while(
    cluster: &Cluster,
    concurrency: Concurrency,
    mode: AutoCommitMode,
    policy: FailurePolicy,
) -> (evkafka::Result<()>, Option<i64>) {
    let ledger = Ledger::default();
    let config = config(cluster).concurrency(concurrency).auto_commit_mode(mode).failure_policy(policy);
    // Handlers are cancelled after 7 s, and the rest is for what a busy machine takes to end them.
    let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(10));
    let app = Running::start(app.consumer("orders", config, router![single, batch]));
    ledger.until_len(1).await;
    let ended = app.stop().await;
    (ended, committed(cluster).await)
}

/// What is expected of `committed`, for each way to be under way.
async fn all_are_left_at(offset: [i64; 2], ways: &[&'static str], last_steps: &[LastStep]) {
    let mut runs = JoinSet::new();
    for (kind, &expected) in ["Single", "Batch"].into_iter().zip(&offset) {
        for concurrency in [IN_ORDER, PER_KEY] {
            for &way in ways {
                for last_step in last_steps {
                    let last_step = last_step.clone();
                    runs.spawn(async move {
                        let cluster = cluster(1);
                        cluster.create_topic("dead", 1).unwrap();
                        cluster.send_all(three(kind, way)).await.unwrap();
                        let policy = once(last_step.clone());
                        let mode = AutoCommitMode::PostCommit;
                        let (ended, committed) = shut_down_while(&cluster, concurrency, mode, policy).await;
                        let case = format!("{kind} {concurrency:?} {way} {last_step:?}");
                        ended.unwrap_or_else(|error| panic!("{case}: {error:?}"));
                        // Where it began is committed, unless that was not known yet.
                        assert_eq!(committed.unwrap_or(0), expected, "{case}");
                    });
                }
            }
        }
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_fails_because_it_was_cancelled_is_not_a_failed_attempt() {
    all_are_left_at([0, 0], &["fails"], &[LastStep::Skip, LastStep::Stop, to_dead_letters()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_cancelled_handler_ends_without_success_its_record_comes_again() {
    all_are_left_at([0, 0], &["panics", "postpones", "rejects", "releases"], &[LastStep::Skip]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_handler_that_succeeds_has_its_record_committed() {
    all_are_left_at([1, 3], &["succeeds"], &[LastStep::Skip]).await;
}

/// With `Stop`, the app must go on for the partitions that it keeps.
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_fails_because_its_partition_is_revoked_does_not_stop_the_app() {
    let cluster = cluster(2);
    let record =
        |partition: i32| Event::new("orders").partition(partition).event_type("Single").payload("\"fails\"");
    cluster.send_all([record(0), record(1)]).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster)
        .revoke_grace(Duration::from_millis(500))
        .failure_policy(once(LastStep::Stop).backoff(Backoff::constant(Duration::from_millis(5))));
    let start = |name| {
        let app = App::new("test").state(ledger.clone()).shutdown_timeout(Duration::from_secs(5));
        Running::start(app.consumer(name, config.clone(), router![single]))
    };
    let first = start("first");
    ledger.until_len(2).await;
    let second = start("second");
    ledger.until(|calls| calls.iter().any(|call| call.consumer == "second")).await;
    second.stop().await.unwrap();
    first.stop().await.unwrap();
    let committed = cluster.committed("billing", "orders").await.unwrap();
    assert!(committed.values().all(|&offset| offset == 0), "{committed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_commit_a_record_cannot_be_given_back() {
    for concurrency in [IN_ORDER, PER_KEY] {
        let cluster = cluster(1);
        cluster.send(event("Single", 0).payload("\"releases\"")).await.unwrap();
        let mode = AutoCommitMode::PreCommit;
        let (ended, committed) = shut_down_while(&cluster, concurrency, mode, once(LastStep::Stop)).await;
        ended.unwrap();
        assert_eq!(committed, Some(1), "{concurrency:?}");
    }
}

/// Knows by other means than its token that it had better not begin; at the third call it does not any more.
#[handler(event = "Reluctant")]
async fn reluctant(id: u64, State(ledger): State<Ledger>, meta: Metadata) -> Outcome {
    ledger.note(&meta, id);
    let calls = ledger.notes().iter().filter(|note| **note == id.to_string()).count();
    if calls < 3 { Outcome::Release } else { Outcome::Done }
}

#[handler(event = "ReluctantBatch", batch(max = 1, within = "0ms"))]
async fn reluctant_batch(ids: Vec<u64>, State(ledger): State<Ledger>, metas: Vec<Metadata>) -> Outcome {
    ledger.note(&metas[0], ids[0]);
    let calls = ledger.notes().iter().filter(|note| **note == ids[0].to_string()).count();
    if calls < 3 { Outcome::Release } else { Outcome::Done }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_given_back_although_nobody_cancelled_its_handler_is_handled_again_at_once() {
    for event_type in ["Reluctant", "ReluctantBatch"] {
        for concurrency in [IN_ORDER, PER_KEY] {
            let cluster = cluster(1);
            cluster.send_all((0..2).map(|id| event(event_type, id).key("k"))).await.unwrap();
            let ledger = Ledger::default();
            let policy = once(LastStep::Stop).backoff(Backoff::constant(Duration::from_millis(5)));
            let config = config(&cluster).concurrency(concurrency).failure_policy(policy);
            let app = App::new("test").state(ledger.clone());
            let app = Running::start(app.consumer("orders", config, router![reluctant, reluctant_batch]));
            until_committed(&cluster, 2).await;
            app.stop().await.unwrap();
            let calls: Vec<_> = ledger.calls().into_iter().map(|call| (call.note, call.attempt)).collect();
            let expected = ["0", "0", "0", "1", "1", "1"].map(|id| (id.to_owned(), 1));
            assert_eq!(calls, expected, "{event_type} {concurrency:?}");
        }
    }
}

/// Notes its call, and gives its record back for ever.
#[handler(event = "Unwilling")]
async fn unwilling(State(ledger): State<Ledger>, meta: Metadata) -> Outcome {
    ledger.note(&meta, "begun");
    Outcome::Release
}

/// Whoever watches the signals itself knows of the shutdown long before evkafka cancels the handlers.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_given_back_while_the_app_shuts_down_is_left_to_the_next_run() {
    let cluster = cluster(1);
    cluster.send(event("Unwilling", 0)).await.unwrap();
    let ledger = Ledger::default();
    let config = config(&cluster).failure_policy(once(LastStep::Skip));
    let app = App::new("test").state(ledger.clone());
    let app = Running::start(app.consumer("orders", config, router![unwilling]));
    ledger.until_len(2).await;
    app.stop().await.unwrap();
    assert_eq!(committed(&cluster).await, Some(0));
}

/// A token of which a handler is given a copy that is its own.
struct Own(CancellationToken);

impl<'r> FromContext<'r> for Own {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Infallible> {
        Ok(Self(context.cancellation().clone()))
    }
}

/// Ends its helpers by the token that it was given, as one may with one's own, and fails at first.
#[handler(event = "EndsHelpers")]
async fn ends_helpers(
    token: CancellationToken,
    Own(own): Own,
    State(ledger): State<Ledger>,
    meta: Metadata,
) -> Result<(), &'static str> {
    ledger.note(&meta, if token.is_cancelled() || own.is_cancelled() { "cancelled" } else { "begun" });
    let _helpers = (token.drop_guard(), own.drop_guard());
    if meta.attempt == 1 { Err("not at the first attempt") } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_cancels_the_token_that_it_was_given_cancels_no_other_and_is_none_that_was_cancelled()
{
    for concurrency in [IN_ORDER, PER_KEY] {
        let cluster = cluster(1);
        cluster.send_all((0..2).map(|id| event("EndsHelpers", id).key("k"))).await.unwrap();
        let ledger = Ledger::default();
        let policy = FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)));
        let config = config(&cluster).concurrency(concurrency).failure_policy(policy);
        let app = App::new("test").state(ledger.clone());
        let app = Running::start(app.consumer("orders", config, router![ends_helpers]));
        until_committed(&cluster, 2).await;
        app.stop().await.unwrap();
        assert_eq!(ledger.notes(), ["begun"; 4], "{concurrency:?}");
    }
}
