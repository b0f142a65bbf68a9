//! Errors that no further attempt can mend, behind the types that hide them.

use std::{error::Error, fmt, time::Duration};

use anyhow::Context as _;
use evkafka::{App, Backoff, FailurePolicy, LastStep, Metadata, Outcome, State, handler, router};

use crate::support::{Ledger, Running, cluster, config, event, until_committed};

#[derive(Debug)]
struct Fatal;

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this will never work")
    }
}

impl Error for Fatal {}

/// Fails with an error of its own that `Fatal` is the source of.
#[derive(Debug)]
struct Wrapper(Fatal);

impl fmt::Display for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl Error for Wrapper {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[handler(event = "Anyhow")]
async fn with_anyhow(State(ledger): State<Ledger>, meta: Metadata) -> anyhow::Result<()> {
    ledger.note(&meta, "anyhow");
    Err(Fatal)?
}

#[handler(event = "AnyhowContext")]
async fn with_context(State(ledger): State<Ledger>, meta: Metadata) -> anyhow::Result<Outcome> {
    ledger.note(&meta, "anyhow with context");
    Err(Fatal).context("inside").context("outside")
}

#[handler(event = "AnyhowPlain")]
fn plain_with_anyhow(State(ledger): State<Ledger>, meta: Metadata) -> Result<(), anyhow::Error> {
    ledger.note(&meta, "anyhow in a plain function");
    Err(Fatal.into())
}

#[handler(event = "AnyhowBatch", batch(max = 10, within = "0ms"))]
async fn batch_with_anyhow(metas: Vec<Metadata>, State(ledger): State<Ledger>) -> anyhow::Result<()> {
    ledger.note(&metas[0], "anyhow in a batch");
    Err(Fatal)?
}

#[handler(event = "Eyre")]
async fn with_eyre(State(ledger): State<Ledger>, meta: Metadata) -> eyre::Result<()> {
    ledger.note(&meta, "eyre");
    Err(Fatal)?
}

#[handler(event = "EyreContext")]
async fn with_eyre_context(State(ledger): State<Ledger>, meta: Metadata) -> eyre::Result<()> {
    ledger.note(&meta, "eyre with context");
    Err(eyre::Report::new(Fatal).wrap_err("outside"))
}

#[handler(event = "Boxed")]
async fn boxed(State(ledger): State<Ledger>, meta: Metadata) -> Result<(), Box<dyn Error + Send + Sync>> {
    ledger.note(&meta, "boxed");
    Err(Fatal)?
}

#[handler(event = "Wrapped")]
async fn wrapped(State(ledger): State<Ledger>, meta: Metadata) -> Result<(), Wrapper> {
    ledger.note(&meta, "wrapped");
    Err(Wrapper(Fatal))
}

#[handler(event = "Passing")]
async fn passing(State(ledger): State<Ledger>, meta: Metadata) -> anyhow::Result<()> {
    ledger.note(&meta, "passing");
    if meta.attempt == 1 { Err(anyhow::anyhow!("for now")) } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_error_is_recognised_whatever_type_it_is_returned_in() {
    let events = [
        ("Anyhow", "anyhow"),
        ("AnyhowContext", "anyhow with context"),
        ("AnyhowPlain", "anyhow in a plain function"),
        ("AnyhowBatch", "anyhow in a batch"),
        ("Eyre", "eyre"),
        ("EyreContext", "eyre with context"),
        ("Boxed", "boxed"),
        ("Wrapped", "wrapped"),
    ];
    let cluster = cluster(1);
    cluster.send_all(events.map(|(event_type, _)| event(event_type, 0))).await.unwrap();
    cluster.send(event("Passing", 0)).await.unwrap();
    let ledger = Ledger::default();
    let policy = FailurePolicy::new()
        .backoff(Backoff::constant(Duration::from_millis(5)))
        .final_if(|error| error.is::<Fatal>())
        .last_step(LastStep::Skip);
    let handlers = router![
        with_anyhow,
        with_context,
        plain_with_anyhow,
        batch_with_anyhow,
        with_eyre,
        with_eyre_context,
        boxed,
        wrapped,
        passing,
    ];
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(policy),
        handlers,
    );
    let app = Running::start(app);
    until_committed(&cluster, 9).await;
    app.stop().await.unwrap();
    let expected = events.map(|(_, note)| note).into_iter().chain(["passing", "passing"]);
    assert_eq!(ledger.notes(), expected.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_that_an_app_stops_with_has_the_handlers_own_as_its_cause() {
    let cluster = cluster(1);
    cluster.send(event("AnyhowContext", 0)).await.unwrap();
    let policy = FailurePolicy::new().attempts(1);
    let app = App::new("test").state(Ledger::default());
    let app = app.consumer("orders", config(&cluster).failure_policy(policy), router![with_context]);
    let error = Running::start(app).ends().await.unwrap_err();
    let outside = error.source().unwrap();
    let inside = outside.source().unwrap();
    let own = inside.source().unwrap();
    assert_eq!(
        [outside, inside, own].map(ToString::to_string),
        ["outside", "inside", "this will never work"]
    );
    assert!(own.is::<Fatal>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_that_an_app_stops_with_gives_out_what_a_handler_returned_in_anyhow() {
    let cluster = cluster(1);
    cluster.send(event("Anyhow", 0)).await.unwrap();
    let app = App::new("test").state(Ledger::default());
    let config = config(&cluster).failure_policy(FailurePolicy::new().attempts(1));
    let error =
        Running::start(app.consumer("orders", config, router![with_anyhow])).ends().await.unwrap_err();
    assert!(error.record().unwrap().failure.cause().is::<Fatal>());
}
