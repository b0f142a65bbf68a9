//! Where attempts are made: places in memory that are used again, so that a handler that is ready at once costs no allocation.

use std::{
    cell,
    convert::Infallible,
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread::LocalKey,
};

use tokio::time::Instant;

use super::{Tools, work::Work};
use crate::{
    engine::{
        attempt::{AttemptState, Ended, Permits},
        numbers::Moment,
    },
    route::Routes,
};

/// Work that begins.
pub(in crate::engine) struct Begin<W> {
    pub(in crate::engine) work: W,
    pub(in crate::engine) permits: Permits,
    /// The moment of it.
    pub(in crate::engine) at: Moment,
}

/// Work whose attempts have ended.
pub(in crate::engine) struct Attempted<W> {
    pub(in crate::engine) work: W,
    pub(in crate::engine) ended: Ended,
    /// When the first attempt began, if anybody wants to know.
    pub(in crate::engine) begun: Option<Instant>,
    /// When the last attempt began, and ended.
    pub(in crate::engine) call: (Moment, Moment),
    pub(super) permits: Permits,
}

/// How work reaches a cell, and leaves it, on one thread: nothing else runs in between.
pub(in crate::engine) struct HandOver<W> {
    /// For the [`Cell`] that is polled next, which takes it first of all.
    begin: cell::Cell<Option<Begin<W>>>,
    /// From the cell that was polled last, which left it last of all.
    attempted: cell::Cell<Option<Attempted<W>>>,
}

impl<W> HandOver<W> {
    pub(super) const fn new() -> Self {
        Self { begin: cell::Cell::new(None), attempted: cell::Cell::new(None) }
    }
}

/// That of a thread.
pub(in crate::engine) type ThreadsHandOver<W> = &'static LocalKey<HandOver<W>>;

/// Makes the attempts of one piece of work after the other.
///
/// It is one future without an end, since a future for each would have to be moved to where it is polled.
pub(in crate::engine) struct Cell<W> {
    attempts: Pin<Box<dyn Future<Output = Infallible> + Send>>,
    work: PhantomData<fn(W) -> W>,
}

impl<W: Work> Cell<W> {
    pub(in crate::engine) fn new<R: Routes>(tools: &Arc<Tools<R>>) -> Self {
        Self { attempts: Box::pin(attempts::<W, R>(Arc::clone(tools))), work: PhantomData }
    }

    /// How large the future is.
    #[cfg(test)]
    pub(in crate::engine) fn bytes(&self) -> usize {
        size_of_val(&*self.attempts)
    }

    /// Begins work. The attempts before must have ended.
    #[inline]
    pub(super) fn begin(&mut self, cx: &mut Context<'_>, begin: Begin<W>) -> Poll<Attempted<W>> {
        W::HAND_OVER.with(|hand_over| hand_over.begin.set(Some(begin)));
        self.poll(cx)
    }

    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Attempted<W>> {
        match self.attempts.as_mut().poll(cx) {
            Poll::Ready(never) => match never {},
            Poll::Pending => {
                let attempted = W::HAND_OVER.with(|hand_over| hand_over.attempted.take());
                attempted.map_or(Poll::Pending, Poll::Ready)
            }
        }
    }

    /// Makes the attempts where the caller is; `polled` is told after each poll whether they have to wait.
    pub(in crate::engine) async fn run(
        &mut self,
        begin: Begin<W>,
        mut polled: impl FnMut(&Poll<Attempted<W>>),
    ) -> Attempted<W> {
        let mut begin = Some(begin);
        let attempted = poll_fn(|cx| {
            let poll = match begin.take() {
                Some(begin) => self.begin(cx, begin),
                None => self.poll(cx),
            };
            polled(&poll);
            poll
        });
        attempted.await
    }

    /// Makes those that are under way.
    pub(super) async fn finish(&mut self) -> Attempted<W> {
        poll_fn(|cx| self.poll(cx)).await
    }
}

async fn attempts<W: Work, R: Routes>(tools: Arc<Tools<R>>) -> Infallible {
    loop {
        let begin = poll_fn(|_| {
            let begin = W::HAND_OVER.with(|hand_over| hand_over.begin.take());
            begin.map_or(Poll::Pending, Poll::Ready)
        });
        let Begin { work, permits, at } = begin.await;
        let mut state = AttemptState::new(permits, at);
        let ended = work.attempt(&tools, &mut state).await;
        let AttemptState { permits, begun, began } = state;
        let call = (began, tools.worker.clock().now());
        let attempted = Attempted { work, ended, begun, call, permits };
        W::HAND_OVER.with(|hand_over| hand_over.attempted.set(Some(attempted)));
    }
}
