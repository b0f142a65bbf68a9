//! The attempts of a lane that are under way besides it.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tokio::task::{JoinError, JoinSet};

use super::{
    Finished, Tools,
    cell::{Attempted, Begin, Cell},
    work::{One, Work},
};
use crate::route::Routes;

pub(super) struct Tasks {
    /// Those without an attempt.
    spare: Vec<Cell<One>>,
    /// What comes of each, and the cell that it leaves.
    tasks: JoinSet<(Finished, Option<Cell<One>>)>,
}

/// How many cells without an attempt are kept.
const MOST_SPARE: usize = 1024;

/// A task ended without saying what became of its records: the destructor of a handler's future panicked.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Lost;

impl Tasks {
    pub(super) fn new() -> Self {
        Self { spare: Vec::new(), tasks: JoinSet::new() }
    }

    #[inline]
    fn cell<W: Work, R: Routes>(&mut self, tools: &Arc<Tools<R>>) -> Cell<W> {
        W::take_spare(&mut self.spare).unwrap_or_else(|| Cell::new(tools))
    }

    /// Begins attempts where the caller is, and returns what came of them if they have ended at once, with the rest. Those that have to wait
    /// become a task.
    #[inline]
    pub(super) fn poll_once<W: Work, R: Routes>(
        &mut self,
        cx: &mut Context<'_>,
        tools: &Arc<Tools<R>>,
        begin: Begin<W>,
        rest: W::Rest,
    ) -> Option<(Attempted<W>, W::Rest)> {
        let mut cell = self.cell(tools);
        match cell.begin(cx, begin) {
            Poll::Ready(attempted) => {
                self.spare.extend(W::spare(cell));
                Some((attempted, rest))
            }
            Poll::Pending => {
                self.tasks.spawn(async move {
                    let attempted = cell.finish().await;
                    (Finished::new(attempted, rest), W::spare(cell))
                });
                None
            }
        }
    }

    /// Begins attempts as a task, which another thread may take.
    pub(super) fn spawn<W: Work, R: Routes>(
        &mut self,
        tools: &Arc<Tools<R>>,
        begin: Begin<W>,
        rest: W::Rest,
    ) {
        // Until its first poll has ended nobody else says that it is there: it may wait for a worker, or block one.
        let rule = &tools.handlers.rules[begin.work.handler()];
        let at_work = begin.work.first(&rest).map(|offset| rule.at_work(offset));
        let mut cell = self.cell(tools);
        let tools = Arc::clone(tools);
        self.tasks.spawn(async move {
            let mut first = at_work.map(|at_work| tools.worker.control.pulse.wait(at_work));
            let attempted = cell.run(begin, |_| first = None).await;
            (Finished::new(attempted, rest), W::spare(cell))
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

    fn take(&mut self, ended: Result<(Finished, Option<Cell<One>>), JoinError>) -> Result<Finished, Lost> {
        let (finished, cell) = ended.map_err(|_| Lost)?;
        if self.spare.len() < MOST_SPARE {
            self.spare.extend(cell);
        }
        Ok(finished)
    }
}
