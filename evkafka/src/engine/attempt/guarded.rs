use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::{
    handle::{Attempt, panic},
    traces::ProcessSpan,
};

/// Runs one attempt to its end; `None` if it was dropped because `abort` was cancelled first.
///
/// It runs in `span`, whichever thread polls it.
///
/// An attempt that is not done after `limit` is dropped and has failed. A panic is an attempt that failed. The future is not polled again after it.
///
/// # Cancel safety
/// Dropping it drops the attempt.
pub(crate) async fn guarded(
    attempt: impl Future<Output = Attempt>,
    span: &mut ProcessSpan,
    abort: &CancellationToken,
    limit: Option<Duration>,
) -> Option<Attempt> {
    let mut attempt = pin!(attempt);
    // Only an attempt that has to wait listens for an abort and sets a timer. Boxed, as the others are to be small.
    let mut waiting = None;
    poll_fn(|cx| {
        // Unwind safety: after a panic the future is only dropped, and user state that a panic can break is the
        // user's to guard, as with tokio's own tasks.
        match catch_unwind(AssertUnwindSafe(|| span.poll(|| attempt.as_mut().poll(cx)))) {
            Ok(Poll::Ready(attempt)) => Poll::Ready(Some(attempt)),
            Ok(Poll::Pending) => {
                let Interruptions { aborted, deadline } =
                    waiting.get_or_insert_with(|| Interruptions::new(abort, limit));
                if aborted.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                match (deadline, limit) {
                    (Some(deadline), Some(limit)) => {
                        deadline.as_mut().poll(cx).map(|()| Some(Attempt::TimedOut(limit)))
                    }
                    _ => Poll::Pending,
                }
            }
            Err(payload) => Poll::Ready(Some(Attempt::Panicked(panic::message(&*payload)))),
        }
    })
    .await
}

/// What ends an attempt that waits.
struct Interruptions<'a> {
    aborted: Pin<Box<WaitForCancellationFuture<'a>>>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<'a> Interruptions<'a> {
    fn new(abort: &'a CancellationToken, limit: Option<Duration>) -> Self {
        let deadline = limit.map(|limit| Box::pin(sleep(limit)));
        Self { aborted: Box::pin(abort.cancelled()), deadline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::Outcome;

    #[tokio::test]
    async fn a_panic_is_an_attempt_that_failed() {
        let attempt = guarded(
            async { panic!("boom {}", 7) },
            &mut ProcessSpan::default(),
            &CancellationToken::new(),
            None,
        )
        .await;
        assert!(matches!(attempt, Some(Attempt::Panicked(message)) if message == "boom 7"));
    }

    #[tokio::test]
    async fn a_waiting_attempt_is_dropped_on_abort() {
        let abort = CancellationToken::new();
        let (dropped, on_drop) = tokio::sync::oneshot::channel::<()>();
        let attempt = async move {
            let _dropped = dropped;
            std::future::pending().await
        };
        let (mut span, canceller) = (ProcessSpan::default(), abort.clone());
        let (attempt, ()) =
            tokio::join!(guarded(attempt, &mut span, &abort, None), async move { canceller.cancel() });
        assert!(attempt.is_none());
        assert!(on_drop.await.is_err(), "the sender must be gone");
    }

    #[tokio::test]
    async fn an_attempt_that_is_ready_is_not_lost_to_an_abort() {
        let abort = CancellationToken::new();
        abort.cancel();
        let attempt =
            guarded(async { Attempt::Returned(Outcome::Done) }, &mut ProcessSpan::default(), &abort, None)
                .await;
        assert!(matches!(attempt, Some(Attempt::Returned(Outcome::Done))));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_takes_too_long_is_dropped_and_has_failed() {
        let limit = Duration::from_secs(60);
        let (dropped, on_drop) = tokio::sync::oneshot::channel::<()>();
        let attempt = async move {
            let _dropped = dropped;
            std::future::pending().await
        };
        let begun = tokio::time::Instant::now();
        let attempt =
            guarded(attempt, &mut ProcessSpan::default(), &CancellationToken::new(), Some(limit)).await;
        assert!(matches!(attempt, Some(Attempt::TimedOut(after)) if after == limit));
        assert_eq!(begun.elapsed(), limit);
        assert!(on_drop.await.is_err(), "the sender must be gone");
    }
}
