use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    task::coop::{Unconstrained, unconstrained},
    time::{Sleep, sleep},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::{
    engine::vitals::Waiting,
    handle::{Attempt, panic, take_excused},
    traces::ProcessSpan,
};

/// Runs one attempt to its end; `None` if it was dropped because of an abort.
///
/// It runs in `span`, whichever thread polls it.
///
/// Only of an attempt that has to wait it is asked what may interrupt it. One that is not done at its deadline is dropped and has failed. A
/// panic is an attempt that failed. The future is not polled again after it.
///
/// # Cancel safety
/// Dropping it drops the attempt.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would hold its arguments twice")]
pub(in crate::engine) fn guarded<'a>(
    attempt: impl Future<Output = Attempt>,
    span: &mut ProcessSpan,
    interruptions: impl Fn() -> Interruptions<'a>,
) -> impl Future<Output = Option<Attempt>> {
    async move {
        let mut attempt = pin!(attempt);
        let mut waiting: Option<Interruptions<'a>> = None;
        poll_fn(|cx| {
            // What others were excused for on this thread is none of its doing.
            take_excused();
            if let Some(waiting) = &mut waiting {
                waiting.resumes();
            }
            // Unwind safety: after a panic the future is only dropped, and user state that a panic can break is the
            // user's to guard, as with tokio's own tasks.
            match catch_unwind(AssertUnwindSafe(|| span.poll(|| attempt.as_mut().poll(cx)))) {
                Ok(Poll::Ready(attempt)) => Poll::Ready(Some(attempt)),
                Ok(Poll::Pending) => waiting.get_or_insert_with(&interruptions).poll(cx),
                Err(payload) => Poll::Ready(Some(Attempt::Panicked(panic::message(&*payload)))),
            }
        })
        .await
    }
}

/// What ends an attempt that waits, and says meanwhile that it does. Parts of it are boxed, because attempts are to be small; and they do
/// not ask tokio's budget for a poll, which a handler may have used up each time.
pub(in crate::engine) struct Interruptions<'a> {
    aborted: Pin<Box<Unconstrained<WaitForCancellationFuture<'a>>>>,
    deadline: Option<(Pin<Box<Unconstrained<Sleep>>>, Duration)>,
    under_way: Waiting<'a>,
}

impl<'a> Interruptions<'a> {
    /// An abort, and a time limit if there is one.
    pub(super) fn new(abort: &'a CancellationToken, limit: Option<Duration>, under_way: Waiting<'a>) -> Self {
        let deadline = limit.map(|limit| (Box::pin(unconstrained(sleep(limit))), limit));
        Self { aborted: Box::pin(unconstrained(abort.cancelled())), deadline, under_way }
    }

    /// The attempt is about to be polled. It may block its thread, and then it no longer waits for what excused it.
    fn resumes(&mut self) {
        self.under_way.excuse(false);
    }

    /// The attempt has just been polled, and waits.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Attempt>> {
        self.under_way.excuse(take_excused());
        if self.aborted.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        match &mut self.deadline {
            Some((deadline, limit)) => deadline.as_mut().poll(cx).map(|()| Some(Attempt::TimedOut(*limit))),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{
            lane::Phase,
            vitals::{LanePulse, WaitsFor},
        },
        handle::{Outcome, excused},
    };

    const AT_WORK: WaitsFor = WaitsFor::Handler { path: "on_order", offset: 7, limit: None };

    fn within<'a>(
        abort: &'a CancellationToken,
        pulse: &'a LanePulse,
        limit: Option<Duration>,
    ) -> impl Fn() -> Interruptions<'a> {
        move || Interruptions::new(abort, limit, pulse.wait(AT_WORK))
    }

    fn seen(pulse: &LanePulse) -> Option<WaitsFor> {
        pulse.look(Phase::Running, std::time::Instant::now()).wait.map(|wait| wait.what)
    }

    #[tokio::test]
    async fn an_attempt_is_seen_while_it_waits_unless_what_it_waits_for_is_not_its_own() {
        let (pulse, abort) = (LanePulse::default(), CancellationToken::new());
        let (turn, comes) = tokio::sync::oneshot::channel::<()>();
        let (answer, arrives) = tokio::sync::oneshot::channel::<()>();
        let attempt = async {
            let _ = excused(comes).await;
            let _ = arrives.await;
            Attempt::Returned(Outcome::Done)
        };
        let mut span = ProcessSpan::default();
        let mut attempt = pin!(guarded(attempt, &mut span, within(&abort, &pulse, None)));
        let poll = |attempt: Pin<&mut _>| {
            let attempt: Pin<&mut dyn Future<Output = Option<Attempt>>> = attempt;
            attempt.poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
        };
        assert!(!poll(attempt.as_mut()));
        assert_eq!(seen(&pulse), None, "it waits for its turn");
        turn.send(()).expect("it is waited for");
        assert!(!poll(attempt.as_mut()));
        assert_eq!(seen(&pulse), Some(AT_WORK));
        answer.send(()).expect("it is waited for");
        assert!(poll(attempt.as_mut()));
        assert_eq!(seen(&pulse), None);
    }

    #[tokio::test]
    async fn a_handler_that_blocks_after_a_wait_that_excused_it_is_seen() {
        let (pulse, abort) = (LanePulse::default(), CancellationToken::new());
        let (turn, comes) = tokio::sync::oneshot::channel::<()>();
        let while_it_blocks = std::cell::Cell::new(None);
        let attempt = async {
            let _ = excused(comes).await;
            while_it_blocks.set(seen(&pulse));
            Attempt::Returned(Outcome::Done)
        };
        let mut span = ProcessSpan::default();
        let mut attempt = pin!(guarded(attempt, &mut span, within(&abort, &pulse, None)));
        let mut noop = Context::from_waker(std::task::Waker::noop());
        assert!(attempt.as_mut().poll(&mut noop).is_pending());
        assert_eq!(seen(&pulse), None, "it waits for its turn");
        turn.send(()).expect("it is waited for");
        assert!(attempt.as_mut().poll(&mut noop).is_ready());
        assert_eq!(while_it_blocks.get(), Some(AT_WORK));
    }

    /// Any task on the thread may have sent something, and leaves it excused.
    #[tokio::test]
    async fn what_others_were_excused_for_excuses_no_attempt() {
        let (pulse, abort) = (LanePulse::default(), CancellationToken::new());
        let noop = || Context::from_waker(std::task::Waker::noop());
        assert!(pin!(excused(std::future::pending::<()>())).poll(&mut noop()).is_pending());
        let mut span = ProcessSpan::default();
        let mut attempt = pin!(guarded(std::future::pending(), &mut span, within(&abort, &pulse, None)));
        assert!(attempt.as_mut().poll(&mut noop()).is_pending());
        assert_eq!(seen(&pulse), Some(AT_WORK));
    }

    #[tokio::test]
    async fn a_panic_is_an_attempt_that_failed() {
        let (abort, pulse) = (CancellationToken::new(), LanePulse::default());
        let mut span = ProcessSpan::default();
        let attempt = guarded(async { panic!("boom {}", 7) }, &mut span, within(&abort, &pulse, None)).await;
        assert!(matches!(attempt, Some(Attempt::Panicked(message)) if message == "boom 7"));
    }

    #[tokio::test]
    async fn a_waiting_attempt_is_dropped_on_abort() {
        let (abort, pulse) = (CancellationToken::new(), LanePulse::default());
        let (dropped, on_drop) = tokio::sync::oneshot::channel::<()>();
        let attempt = async move {
            let _dropped = dropped;
            std::future::pending().await
        };
        let (mut span, canceller) = (ProcessSpan::default(), abort.clone());
        let (attempt, ()) =
            tokio::join!(guarded(attempt, &mut span, within(&abort, &pulse, None)), async move {
                canceller.cancel()
            });
        assert!(attempt.is_none());
        assert!(on_drop.await.is_err(), "the sender must be gone");
    }

    #[tokio::test]
    async fn an_attempt_that_is_ready_is_not_lost_to_an_abort() {
        let (abort, pulse) = (CancellationToken::new(), LanePulse::default());
        abort.cancel();
        let attempt = async { Attempt::Returned(Outcome::Done) };
        let attempt = guarded(attempt, &mut ProcessSpan::default(), within(&abort, &pulse, None)).await;
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
        let (abort, pulse) = (CancellationToken::new(), LanePulse::default());
        let begun = tokio::time::Instant::now();
        let attempt =
            guarded(attempt, &mut ProcessSpan::default(), within(&abort, &pulse, Some(limit))).await;
        assert!(matches!(attempt, Some(Attempt::TimedOut(after)) if after == limit));
        assert_eq!(begun.elapsed(), limit);
        assert!(on_drop.await.is_err(), "the sender must be gone");
    }

    /// Ends an attempt that uses up tokio's budget in each poll, and so is ready to go on at any time.
    fn of_a_greedy_attempt(limit: Option<Duration>, abort: &CancellationToken) -> Option<Attempt> {
        let (abort, (ended, has_ended)) = (abort.clone(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            let attempt = runtime.block_on(async {
                let greedy = async {
                    loop {
                        tokio::task::coop::consume_budget().await;
                    }
                };
                let pulse = LanePulse::default();
                guarded(greedy, &mut ProcessSpan::default(), within(&abort, &pulse, limit)).await
            });
            ended.send(attempt)
        });
        has_ended.recv_timeout(Duration::from_secs(60)).expect("the attempt is ended")
    }

    #[test]
    fn an_attempt_that_uses_up_the_budget_of_its_task_is_ended_all_the_same() {
        let (abort, limit) = (CancellationToken::new(), Duration::from_millis(20));
        let attempt = of_a_greedy_attempt(Some(limit), &abort);
        assert!(matches!(attempt, Some(Attempt::TimedOut(after)) if after == limit));
        abort.cancel();
        assert!(of_a_greedy_attempt(None, &abort).is_none());
    }
}
