//! What one call is made for.

use super::{
    Held, Job, Slot, Tools,
    cell::{Cell, HandOver, ThreadsHandOver},
};
use crate::{
    engine::attempt::{AttemptState, Ended, Open},
    route::{Matched, Routes},
    source::Message,
};

/// Records that one call is made for, as far as attempts at them need to know.
pub(in crate::engine) trait Work: Send + Sized + 'static {
    const HAND_OVER: ThreadsHandOver<Self>;

    /// What else there is to know of them.
    type Rest: Send + 'static;

    /// Makes the attempts.
    fn attempt<R: Routes>(
        &self,
        tools: &Tools<R>,
        state: &mut AttemptState,
    ) -> impl Future<Output = Ended> + Send;

    fn handler(&self) -> usize;

    /// The offset of the first record.
    fn first(&self, rest: &Self::Rest) -> Option<i64>;

    fn into_job(self, rest: Self::Rest) -> Job;

    /// A cell of those that are kept, if there is one for this.
    fn take_spare(spare: &mut Vec<Cell<One>>) -> Option<Cell<Self>>;

    /// What is kept of a cell.
    fn spare(cell: Cell<Self>) -> Option<Cell<One>>;
}

/// A record. It is small, as it is moved to where attempts are made, and back.
pub(in crate::engine) struct One {
    pub(in crate::engine) message: Message,
    matched: Matched,
}

/// A batch.
pub(in crate::engine) struct Many {
    handler: usize,
    pub(in crate::engine) records: Vec<Held>,
}

impl One {
    pub(in crate::engine) fn new(message: Message, matched: Matched) -> Self {
        Self { message, matched }
    }
}

impl Many {
    pub(in crate::engine) fn new(handler: usize, records: Vec<Held>) -> Self {
        Self { handler, records }
    }
}

thread_local! {
    static ONE: HandOver<One> = const { HandOver::new() };
    static MANY: HandOver<Many> = const { HandOver::new() };
}

impl Work for One {
    const HAND_OVER: ThreadsHandOver<Self> = &ONE;

    type Rest = (Matched, Slot);

    #[inline]
    async fn attempt<R: Routes>(&self, tools: &Tools<R>, state: &mut AttemptState) -> Ended {
        let Tools { handlers, worker } = tools;
        let record = self.message.record(&worker.origin);
        let event = worker.opened_again(handlers, self.matched, &record);
        let open = Open::One(worker.context(record, &event));
        worker.attempt(handlers, self.handler(), open, state).await
    }

    fn handler(&self) -> usize {
        self.matched.handler()
    }

    fn first(&self, (_, slot): &Self::Rest) -> Option<i64> {
        Some(slot.offset)
    }

    fn into_job(self, (matched, slot): Self::Rest) -> Job {
        Job::One(Held { message: self.message, matched, slot })
    }

    fn take_spare(spare: &mut Vec<Cell<One>>) -> Option<Cell<Self>> {
        spare.pop()
    }

    fn spare(cell: Cell<Self>) -> Option<Cell<One>> {
        Some(cell)
    }
}

impl Work for Many {
    const HAND_OVER: ThreadsHandOver<Self> = &MANY;

    type Rest = ();

    async fn attempt<R: Routes>(&self, tools: &Tools<R>, state: &mut AttemptState) -> Ended {
        let Tools { handlers, worker } = tools;
        let mut buffers = worker.shared.spare_buffers.take();
        let mut opened = buffers.take_opened();
        opened.extend(self.records.iter().map(|held| held.opened(tools)));
        let ended = worker.attempt_batch(handlers, self.handler, &opened, &mut buffers, state).await;
        buffers.take_back_opened(opened);
        worker.shared.spare_buffers.take_back(buffers);
        ended
    }

    fn handler(&self) -> usize {
        self.handler
    }

    fn first(&self, (): &()) -> Option<i64> {
        self.records.first().map(|held| held.slot.offset)
    }

    fn into_job(self, (): ()) -> Job {
        Job::Many { handler: self.handler, records: self.records }
    }

    /// Batches are large, and rare beside what is in them.
    fn take_spare(_: &mut Vec<Cell<One>>) -> Option<Cell<Self>> {
        None
    }

    fn spare(_: Cell<Self>) -> Option<Cell<One>> {
        None
    }
}
