//! Layers of tower's around a call, under tokio's paused clock.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use tower::{ServiceBuilder, limit::RateLimitLayer, timeout::TimeoutLayer};

use super::*;
use crate::{
    CancellationToken, Outcome,
    handle::{BlockingThreads, OwnedContext},
    record::OwnedRecord,
};

const HOUR: Duration = Duration::from_secs(3600);

fn context() -> OwnedContext {
    OwnedContext::new(OwnedRecord::new("orders", 0, 7))
}

async fn call(layer: &impl Layer, next: impl Next) -> Attempt {
    layer.call(Call::from(&context().as_context()), next).await
}

async fn done() -> Attempt {
    Attempt::done()
}

async fn takes_an_hour() -> Attempt {
    sleep(HOUR).await;
    Attempt::done()
}

fn error(attempt: Attempt) -> String {
    match attempt {
        Attempt::Failed(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_runs_while_it_has_its_permit() {
    let layer = Tower::new(ServiceBuilder::new().concurrency_limit(2));
    let begun = Instant::now();
    let calls = tokio::join!(
        call(&layer, |_: Call<'_>| takes_an_hour()),
        call(&layer, |_: Call<'_>| takes_an_hour()),
        call(&layer, |_: Call<'_>| done())
    );
    assert!(calls.0.is_success() && calls.1.is_success() && calls.2.is_success());
    assert_eq!(begun.elapsed(), HOUR, "the third has waited for one of the others");
}

#[tokio::test(start_paused = true)]
async fn what_is_shed_or_limited_is_a_failed_attempt_or_waits() {
    let layer = Tower::new(ServiceBuilder::new().load_shed().concurrency_limit(1));
    let (first, second) = tokio::join!(
        call(&layer, |_: Call<'_>| takes_an_hour()),
        call(&layer, |_: Call<'_>| async { panic!() })
    );
    assert!(first.is_success());
    assert!(error(second).contains("overloaded"));
    let layer = Tower::new(RateLimitLayer::new(2, HOUR));
    let begun = Instant::now();
    for _ in 0..3 {
        assert!(call(&layer, |_: Call<'_>| done()).await.is_success());
    }
    assert_eq!(begun.elapsed(), HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_the_handler() {
    let layer = Tower::new(TimeoutLayer::new(HOUR));
    let (dropped, on_drop) = tokio::sync::oneshot::channel::<()>();
    let attempt = call(&layer, |_: Call<'_>| async move {
        let _dropped = dropped;
        pending().await
    })
    .await;
    assert!(error(attempt).contains("timed out"));
    assert!(on_drop.await.is_err(), "the sender must be gone");
    assert!(call(&layer, |_: Call<'_>| done()).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_plain_function_is_waited_for() {
    let threads = BlockingThreads::new(1);
    let (thread, owned) = (threads.reserve().await, context());
    let context = crate::handle::Context { thread: Some(&thread), ..owned.as_context() };
    let layer = Tower::new(TimeoutLayer::new(Duration::from_secs(1)));
    let attempt = layer.call(Call::from(&context), |_: Call<'_>| takes_an_hour()).await;
    assert!(attempt.is_success(), "{attempt:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_is_given_back_when_it_is_cancelled_and_takes_nothing_from_others() {
    let layer = Tower::new(ServiceBuilder::new().concurrency_limit(1));
    let token = CancellationToken::new();
    let owned = context().cancellation(token.clone());
    let context = owned.as_context();
    let waiting = async {
        sleep(Duration::from_secs(1)).await;
        layer.call(Call::from(&context), |_: Call<'_>| async { panic!("not called") }).await
    };
    let cancels = async {
        sleep(Duration::from_secs(2)).await;
        token.cancel();
    };
    let (first, waited, ()) = tokio::join!(call(&layer, |_: Call<'_>| takes_an_hour()), waiting, cancels);
    assert!(first.is_success());
    assert!(matches!(waited, Attempt::Returned(Outcome::Release)));
    assert!(call(&layer, |_: Call<'_>| done()).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_what_it_was_however_it_ended() {
    let layer = Tower::new(ServiceBuilder::new().timeout(HOUR));
    let attempt = |attempt: fn() -> Attempt| call(&layer, move |_: Call<'_>| async move { attempt() });
    assert_eq!(error(attempt(|| Attempt::failed("no stock")).await), "no stock");
    assert!(matches!(attempt(|| Attempt::reject("never")).await, Attempt::Returned(Outcome::Reject(_))));
    assert!(matches!(attempt(Attempt::skip).await, Attempt::Returned(Outcome::Skip)));
    assert!(matches!(
        attempt(|| Attempt::retry_after(HOUR)).await,
        Attempt::Returned(Outcome::RetryAfter(HOUR))
    ));
    assert!(matches!(attempt(|| Attempt::Panicked("boom".to_owned())).await, Attempt::Panicked(_)));
    assert!(matches!(attempt(|| Attempt::TimedOut(HOUR)).await, Attempt::TimedOut(HOUR)));
}

/// Counts calls and failures, and answers for one event by itself.
struct Gate<S>(S, Arc<[AtomicUsize; 2]>);

impl<S> Service<HandlerCall> for Gate<S>
where
    S: Service<HandlerCall, Response = Attempt, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Attempt;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Attempt, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, call: HandlerCall) -> Self::Future {
        assert_eq!((&*call.metadata().topic, call.metadata().offset, call.records()), ("orders", 7, 1));
        let counts = Arc::clone(&self.1);
        if call.event() == Some("Unwanted") {
            // It drops the call, and answers later.
            return Box::pin(async {
                drop(call);
                sleep(HOUR).await;
                Ok(Attempt::skip())
            });
        }
        let called = self.0.call(call);
        Box::pin(async move {
            counts[0].fetch_add(1, SeqCst);
            let answered = called.await;
            counts[1].fetch_add(usize::from(answered.is_err()), SeqCst);
            answered
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_sees_failures_and_may_answer_by_itself() {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let shared = Arc::clone(&counts);
    let layer = Tower::new(tower::layer::layer_fn(|inner| Gate(inner, Arc::clone(&shared))));
    assert!(call(&layer, |_: Call<'_>| done()).await.is_success());
    assert_eq!(error(call(&layer, |_: Call<'_>| async { Attempt::failed("no") }).await), "no");
    assert_eq!((counts[0].load(SeqCst), counts[1].load(SeqCst)), (2, 1));
    let owned = context().event_type("Unwanted");
    let context = owned.as_context();
    let attempt = layer.call(Call::from(&context), |_: Call<'_>| async { panic!("not called") }).await;
    assert!(matches!(attempt, Attempt::Returned(Outcome::Skip)), "{attempt:?}");
}

#[tokio::test(start_paused = true)]
async fn a_layer_on_another_task_works_too() {
    let layer = Tower::new(ServiceBuilder::new().buffer(8).concurrency_limit(1).timeout(HOUR));
    let (first, second) =
        tokio::join!(call(&layer, |_: Call<'_>| done()), call(&layer, |_: Call<'_>| done()));
    assert!(first.is_success() && second.is_success());
}

#[test]
fn the_cause_of_a_failed_attempt_is_found_behind_what_wraps_it() {
    let failed = FailedAttempt(Attempt::failed(std::io::Error::other("disk full")));
    assert_eq!(failed.to_string(), "the handler failed");
    let source = std::error::Error::source(&failed).expect("it has one");
    assert!(source.is::<std::io::Error>());
    assert!(matches!(failed.attempt(), Attempt::Failed(_)));
}
