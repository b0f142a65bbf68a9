//! The layers that are ready to use, under tokio's paused clock.

use std::{
    future::{pending, poll_fn},
    task::Poll,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    CancellationToken,
    handle::{Outcome, OwnedContext},
    record::OwnedRecord,
};

fn context() -> OwnedContext {
    OwnedContext::new(OwnedRecord::new("orders", 0, 7))
}

async fn call(layer: &impl Layer, next: impl Next) -> Attempt {
    layer.call(Call::from(&context().as_context()), next).await
}

async fn done(_: ()) -> Attempt {
    Attempt::done()
}

fn is_done(attempt: &Attempt) -> bool {
    matches!(attempt, Attempt::Returned(Outcome::Done))
}

fn is_released(attempt: &Attempt) -> bool {
    matches!(attempt, Attempt::Returned(Outcome::Release))
}

/// Polls the future once, which has to wait.
async fn poll_once(future: &mut (impl Future<Output = Attempt> + Unpin)) {
    let polled = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx))).await;
    assert!(polled.is_pending(), "{polled:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_longer_than_its_timeout_is_dropped() {
    let limit = Duration::from_secs(2);
    let (dropped, on_drop) = tokio::sync::oneshot::channel::<()>();
    let begun = Instant::now();
    let attempt = call(&Timeout::new(limit), |_: Call<'_>| async move {
        let _dropped = dropped;
        pending().await
    })
    .await;
    assert!(matches!(attempt, Attempt::TimedOut(after) if after == limit), "{attempt:?}");
    assert_eq!(begun.elapsed(), limit);
    assert!(on_drop.await.is_err(), "the sender must be gone");
    assert!(is_done(&call(&Timeout::new(limit), |_: Call<'_>| done(())).await));
}

#[tokio::test(start_paused = true)]
async fn a_plain_function_has_no_timeout() {
    let threads = crate::handle::BlockingThreads::new(1);
    let (thread, owned) = (threads.reserve().await, context());
    let context = crate::handle::Context { thread: Some(&thread), ..owned.as_context() };
    let function = |_: Call<'_>| async {
        sleep(Duration::from_secs(60)).await;
        Attempt::done()
    };
    let attempt = Timeout::new(Duration::from_secs(2)).call(Call::from(&context), function).await;
    assert!(is_done(&attempt), "{attempt:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_one_of_those_that_share_its_limit_has_ended() {
    let limit = ConcurrencyLimit::new(2);
    let hour = |_: Call<'_>| async {
        sleep(Duration::from_secs(3600)).await;
        Attempt::done()
    };
    let begun = Instant::now();
    let other = limit.clone();
    let calls = tokio::join!(call(&limit, hour), call(&other, hour), call(&limit, |_: Call<'_>| done(())));
    assert!(is_done(&calls.0) && is_done(&calls.1) && is_done(&calls.2));
    assert_eq!(begun.elapsed(), Duration::from_secs(3600));
    assert_eq!(limit.0.available_permits(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_or_panics_leaves_the_limit() {
    let limit = ConcurrencyLimit::new(1);
    let mut dropped = Box::pin(call(&limit, |_: Call<'_>| pending()));
    poll_once(&mut dropped).await;
    assert_eq!(limit.0.available_permits(), 0);
    drop(dropped);
    let of_panic = limit.clone();
    let panic = tokio::spawn(async move { call(&of_panic, |_: Call<'_>| async { panic!("boom") }).await });
    assert!(panic.await.is_err());
    assert!(is_done(&call(&limit, |_: Call<'_>| done(())).await));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_turn_is_given_back_when_it_is_cancelled() {
    let (concurrency, rate) = (ConcurrencyLimit::new(1), RateLimit::new(1, Duration::from_secs(3600)));
    let _permit = concurrency.0.acquire().await.unwrap();
    assert!(is_done(&call(&rate, |_: Call<'_>| done(())).await));
    let token = CancellationToken::new();
    let owned = context().cancellation(token.clone());
    let context = owned.as_context();
    let call = Call::from(&context);
    let mut waiting = [
        Box::pin(async { concurrency.call(call, |_: Call<'_>| async { panic!("not called") }).await })
            as std::pin::Pin<Box<dyn Future<Output = Attempt>>>,
        Box::pin(async { rate.call(call, |_: Call<'_>| async { panic!("not called") }).await }),
    ];
    for call in &mut waiting {
        poll_once(call).await;
    }
    let begun = Instant::now();
    token.cancel();
    for call in waiting {
        assert!(is_released(&call.await));
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// How long after the start each of so many calls begins.
async fn begins(limit: &RateLimit, calls: usize) -> Vec<u64> {
    let start = Instant::now();
    let mut begins = Vec::new();
    for _ in 0..calls {
        assert!(is_done(&call(limit, |_: Call<'_>| done(())).await));
        begins.push(u64::try_from(start.elapsed().as_millis()).unwrap());
    }
    begins
}

#[tokio::test(start_paused = true)]
async fn calls_begin_in_a_burst_and_then_at_equal_distances() {
    let limit = RateLimit::per_second(10).burst(3);
    assert_eq!(begins(&limit, 6).await, [0, 0, 0, 100, 200, 300]);
    // What was not used is saved up to the burst.
    sleep(Duration::from_secs(60)).await;
    assert_eq!(begins(&limit.clone(), 5).await, [0, 0, 0, 100, 200]);
    assert_eq!(begins(&RateLimit::new(2, Duration::from_secs(60)), 4).await, [0, 0, 30_000, 60_000]);
    assert_eq!(begins(&RateLimit::per_second(10).burst(1), 3).await, [0, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gives_up_waiting_takes_nothing_from_the_others() {
    let limit = RateLimit::per_second(1).burst(1);
    assert_eq!(begins(&limit, 1).await, [0]);
    let start = Instant::now();
    for _ in 0..10 {
        let mut given_up = Box::pin(call(&limit, |_: Call<'_>| done(())));
        poll_once(&mut given_up).await;
    }
    assert!(is_done(&call(&limit, |_: Call<'_>| done(())).await));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[test]
fn a_limit_of_nothing_is_refused() {
    use std::panic::catch_unwind;
    assert!(catch_unwind(|| ConcurrencyLimit::new(0)).is_err());
    assert!(catch_unwind(|| RateLimit::per_second(0)).is_err());
    assert!(catch_unwind(|| RateLimit::new(1, Duration::ZERO)).is_err());
    assert!(catch_unwind(|| RateLimit::per_second(1).burst(0)).is_err());
    // Not the limits of the types.
    let _ = (ConcurrencyLimit::new(usize::MAX), RateLimit::new(u32::MAX, Duration::MAX).burst(u32::MAX));
}

#[tokio::test(start_paused = true)]
async fn extreme_rates_do_not_overflow() {
    let limit = RateLimit::new(1, Duration::MAX);
    assert!(is_done(&call(&limit, |_: Call<'_>| done(())).await));
    poll_once(&mut Box::pin(call(&limit, |_: Call<'_>| done(())))).await;
    for limit in [
        RateLimit::new(u32::MAX, Duration::from_nanos(1)),
        RateLimit::new(u32::MAX, Duration::MAX).burst(u32::MAX),
    ] {
        assert!(is_done(&call(&limit, |_: Call<'_>| done(())).await));
    }
}
