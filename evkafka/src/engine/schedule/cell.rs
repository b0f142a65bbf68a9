use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::task::JoinSet;
use tokio_util::sync::ReusableBoxFuture;

use super::{Finished, Job, Tools, attempt};
use crate::{
    engine::{attempt::Permits, numbers::Moment},
    route::Routes,
};

/// The place in memory of a job's attempts. It is used again for others, so that a handler that is ready at once costs no allocation.
type Cell = ReusableBoxFuture<'static, Finished>;

/// The attempts of a lane that are under way.
pub(super) struct Cells {
    /// Those of attempts that have ended.
    spare: Vec<Cell>,
    tasks: JoinSet<(Finished, Cell)>,
}

/// How many cells without an attempt are kept.
const MOST_SPARE: usize = 1024;

impl Cells {
    pub(super) fn new() -> Self {
        Self { spare: Vec::new(), tasks: JoinSet::new() }
    }

    fn begin<R: Routes>(
        &mut self,
        tools: &Arc<Tools<R>>,
        job: Job,
        permits: Permits,
        begins: Moment,
    ) -> Cell {
        let attempts = attempt(Arc::clone(tools), job, permits, begins);
        match self.spare.pop() {
            Some(mut cell) => {
                cell.set(attempts);
                cell
            }
            None => ReusableBoxFuture::new(attempts),
        }
    }

    /// Begins a job where the caller is, and returns it if it has ended at once. What has to wait becomes a task.
    #[inline]
    pub(super) fn poll_once<R: Routes>(
        &mut self,
        cx: &mut Context<'_>,
        tools: &Arc<Tools<R>>,
        job: Job,
        permits: Permits,
        begins: Moment,
    ) -> Option<Finished> {
        let mut cell = self.begin(tools, job, permits, begins);
        match cell.poll(cx) {
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
    pub(super) fn spawn<R: Routes>(
        &mut self,
        tools: &Arc<Tools<R>>,
        job: Job,
        permits: Permits,
        begins: Moment,
    ) {
        // Until its first poll has ended nobody else says that it is there: it may wait for a worker, or block one.
        let at_work = job.first().map(|held| {
            let rule = &tools.handlers.rules[held.matched.handler()];
            rule.at_work(held.slot.offset)
        });
        let mut cell = self.begin(tools, job, permits, begins);
        let tools = Arc::clone(tools);
        self.tasks.spawn(async move {
            let mut first = at_work.map(|at_work| tools.worker.control.pulse.wait(at_work));
            let finished = poll_fn(|cx| {
                let poll = cell.poll(cx);
                first = None;
                poll
            })
            .await;
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
