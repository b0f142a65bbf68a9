//! Vectors that one batch after the other uses: without them, a batch of 500 would allocate and free 150 KB.

use std::{
    fmt, mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{AttemptState, Ended, Open, Worker};
use crate::{
    engine::pipeline::Routed, event_type::EventIdentity, handle::Context, record::Record, route::Routes,
};

/// A record, and which event it is.
pub(in crate::engine) type Opened<'r> = (Record<'r>, EventIdentity<'r>);

/// Vectors for one batch at a time.
#[derive(Default)]
pub(in crate::engine) struct Buffers {
    /// Both are empty.
    opened: Vec<Opened<'static>>,
    contexts: Vec<Context<'static>>,
}

/// A vector for more records is freed when its batch is done with, here and wherever batches use one again.
pub(in crate::engine) const MOST_KEPT: usize = 1024;

impl Buffers {
    pub(in crate::engine) fn take_opened<'r>(&mut self) -> Vec<Opened<'r>> {
        mem::take(&mut self.opened)
    }

    fn take_contexts<'r>(&mut self) -> Vec<Context<'r>> {
        mem::take(&mut self.contexts)
    }

    /// Takes back what was [taken](Self::take_opened).
    pub(in crate::engine) fn take_back_opened(&mut self, opened: Vec<Opened<'_>>) {
        self.opened = emptied(opened);
    }

    /// Takes back what was [taken](Self::take_contexts).
    fn take_back_contexts(&mut self, contexts: Vec<Context<'_>>) {
        self.contexts = emptied(contexts);
    }
}

/// The same allocation for another lifetime, unless it is larger than [`MOST_KEPT`].
fn emptied<T, U>(mut items: Vec<T>) -> Vec<U> {
    if items.capacity() > MOST_KEPT {
        return Vec::new();
    }
    items.clear();
    // `collect` keeps the allocation, as the items are of the same layout.
    items.into_iter().map(|_| unreachable!("it is empty")).collect()
}

impl Worker {
    /// The same as [`attempt`](Self::attempt) for records that are opened.
    pub(in crate::engine) async fn attempt_batch<R: Routes>(
        &self,
        handlers: &Routed<R>,
        handler: usize,
        opened: &[Opened<'_>],
        buffers: &mut Buffers,
        state: &mut AttemptState,
    ) -> Ended {
        let mut contexts = buffers.take_contexts();
        contexts.extend(opened.iter().map(|(record, event)| self.context(*record, event)));
        let ended = self.attempt(handlers, handler, Open::many(&contexts), state).await;
        buffers.take_back_contexts(contexts);
        ended
    }
}

/// Where batches that are handled at the same time take theirs from.
#[derive(Default)]
pub(in crate::engine) struct SpareBuffers(Mutex<Vec<Buffers>>);

/// More are freed.
const MOST_SPARE: usize = 8;

impl SpareBuffers {
    pub(in crate::engine) fn take(&self) -> Buffers {
        self.spare().pop().unwrap_or_default()
    }

    /// Takes back what was [taken](Self::take).
    pub(in crate::engine) fn take_back(&self, buffers: Buffers) {
        let has_memory = buffers.opened.capacity() > 0 || buffers.contexts.capacity() > 0;
        let mut spare = self.spare();
        if has_memory && spare.len() < MOST_SPARE {
            spare.push(buffers);
        }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Buffers>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SpareBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpareBuffers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_reused_up_to_a_limit() {
        let mut buffers = Buffers::default();
        let (mut opened, mut contexts) = (buffers.take_opened(), buffers.take_contexts());
        opened.reserve_exact(500);
        contexts.reserve_exact(500);
        let memory = (opened.as_ptr(), contexts.as_ptr());
        buffers.take_back_contexts(contexts);
        buffers.take_back_opened(opened);
        let spare = SpareBuffers::default();
        spare.take_back(buffers);
        let mut buffers = spare.take();
        let (mut opened, mut contexts) = (buffers.take_opened(), buffers.take_contexts());
        assert_eq!((opened.as_ptr(), contexts.as_ptr()), memory);
        assert_eq!((opened.capacity(), contexts.capacity()), (500, 500));
        opened.reserve_exact(MOST_KEPT + 1);
        contexts.reserve_exact(MOST_KEPT + 1);
        buffers.take_back_contexts(contexts);
        buffers.take_back_opened(opened);
        spare.take_back(buffers);
        assert!(spare.spare().is_empty(), "there is nothing to keep");
    }
}
