//! Where attempts are made: places in memory that are used again, so that a handler that is ready at once costs no allocation.

use std::{
    cell,
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::task::JoinSet;

use super::{Finished, Job, Tools, attempt_many};
use crate::{
    engine::{
        attempt::{AttemptState, Open, Permits},
        numbers::Moment,
    },
    route::Routes,
};

/// A job whose attempts begin.
pub(in crate::engine) struct Begin {
    pub(in crate::engine) job: Job,
    pub(in crate::engine) permits: Permits,
    /// The moment of it.
    pub(in crate::engine) at: Moment,
}

thread_local! {
    /// For the [`Cell`] that is polled next on this thread, which takes it first of all.
    static BEGIN: cell::Cell<Option<Begin>> = const { cell::Cell::new(None) };
    /// From the cell that was polled last on this thread, which left it last of all.
    static FINISHED: cell::Cell<Option<Finished>> = const { cell::Cell::new(None) };
}

/// Makes the attempts at one job after the other.
///
/// It is one future without an end, since a future for each job would have to be moved to where it is polled. A job reaches it,
/// and what comes of it leaves it, through its thread: nothing else runs in between.
pub(in crate::engine) struct Cell(Pin<Box<dyn Future<Output = Infallible> + Send>>);

impl Cell {
    pub(in crate::engine) fn new<R: Routes>(tools: &Arc<Tools<R>>) -> Self {
        Self(Box::pin(attempts(Arc::clone(tools))))
    }

    /// How large the future is.
    #[cfg(test)]
    pub(in crate::engine) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// Begins a job. The one before must have ended.
    #[inline]
    fn begin(&mut self, cx: &mut Context<'_>, begin: Begin) -> Poll<Finished> {
        BEGIN.set(Some(begin));
        self.poll(cx)
    }

    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Finished> {
        match self.0.as_mut().poll(cx) {
            Poll::Ready(never) => match never {},
            Poll::Pending => FINISHED.take().map_or(Poll::Pending, Poll::Ready),
        }
    }

    /// Makes the attempts at a job where the caller is; `polled` is told after each poll whether they have to wait.
    pub(in crate::engine) async fn run(
        &mut self,
        begin: Begin,
        mut polled: impl FnMut(&Poll<Finished>),
    ) -> Finished {
        let mut begin = Some(begin);
        let finished = poll_fn(|cx| {
            let poll = match begin.take() {
                Some(begin) => self.begin(cx, begin),
                None => self.poll(cx),
            };
            polled(&poll);
            poll
        });
        finished.await
    }
}

/// What comes of each job is in [`FINISHED`] when it has ended.
async fn attempts<R: Routes>(tools: Arc<Tools<R>>) -> Infallible {
    let Tools { handlers, worker } = &*tools;
    loop {
        let begin = poll_fn(|_| BEGIN.take().map_or(Poll::Pending, Poll::Ready));
        let Begin { job, permits, at } = begin.await;
        let mut state = AttemptState::new(permits, at);
        let ended = match &job {
            Job::One(held) => {
                let record = held.message.record(&worker.origin);
                let event = worker.opened(&record);
                let open = Open::One(worker.context(record, &event));
                worker.attempt(handlers, held.handler(), open, &mut state).await
            }
            // Boxed, so that a cell is no larger than what a single record needs.
            Job::Many { handler, records } => {
                Box::pin(attempt_many(&tools, *handler, records, &mut state)).await
            }
        };
        let AttemptState { permits, begun, began } = state;
        let call = (began, worker.clock().now());
        FINISHED.set(Some(Finished { job, ended, begun, call, permits }));
    }
}

/// The attempts of a lane that are under way.
pub(super) struct Cells {
    /// Those whose attempts have ended.
    spare: Vec<Cell>,
    tasks: JoinSet<(Finished, Cell)>,
}

/// How many cells without an attempt are kept.
const MOST_SPARE: usize = 1024;

impl Cells {
    pub(super) fn new() -> Self {
        Self { spare: Vec::new(), tasks: JoinSet::new() }
    }

    #[inline]
    fn cell<R: Routes>(&mut self, tools: &Arc<Tools<R>>) -> Cell {
        self.spare.pop().unwrap_or_else(|| Cell::new(tools))
    }

    /// Begins a job where the caller is, and returns it if it has ended at once. What has to wait becomes a task.
    #[inline]
    pub(super) fn poll_once<R: Routes>(
        &mut self,
        cx: &mut Context<'_>,
        tools: &Arc<Tools<R>>,
        begin: Begin,
    ) -> Option<Finished> {
        let mut cell = self.cell(tools);
        match cell.begin(cx, begin) {
            Poll::Ready(finished) => {
                self.spare.push(cell);
                Some(finished)
            }
            Poll::Pending => {
                self.spawn_cell(cell);
                None
            }
        }
    }

    /// Begins a job as a task, which another thread may take.
    pub(super) fn spawn<R: Routes>(&mut self, tools: &Arc<Tools<R>>, begin: Begin) {
        // Until its first poll has ended nobody else says that it is there: it may wait for a worker, or block one.
        let at_work = begin.job.first().map(|held| {
            let rule = &tools.handlers.rules[held.matched.handler()];
            rule.at_work(held.slot.offset)
        });
        let mut cell = self.cell(tools);
        let tools = Arc::clone(tools);
        self.tasks.spawn(async move {
            let mut first = at_work.map(|at_work| tools.worker.control.pulse.wait(at_work));
            let finished = cell.run(begin, |_| first = None).await;
            (finished, cell)
        });
    }

    fn spawn_cell(&mut self, mut cell: Cell) {
        self.tasks.spawn(async move {
            let finished = poll_fn(|cx| cell.poll(cx)).await;
            (finished, cell)
        });
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// A task that has ended, if there is one; an error if it was lost.
    pub(super) fn try_next(&mut self) -> Option<Result<Finished, Lost>> {
        let ended = self.tasks.try_join_next()?;
        Some(self.take(ended))
    }

    /// Waits for a task to end; `None` if there is none.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub(super) async fn next(&mut self) -> Option<Result<Finished, Lost>> {
        let ended = self.tasks.join_next().await?;
        Some(self.take(ended))
    }

    fn take(&mut self, ended: Result<(Finished, Cell), tokio::task::JoinError>) -> Result<Finished, Lost> {
        let (finished, cell) = ended.map_err(|_| Lost)?;
        if self.spare.len() < MOST_SPARE {
            self.spare.push(cell);
        }
        Ok(finished)
    }
}

/// A task ended without saying what became of its records: the destructor of a handler's future panicked.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Lost;
