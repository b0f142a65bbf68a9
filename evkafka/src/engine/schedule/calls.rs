//! Concurrent calls of handlers.
//!
//! Attempts take one of the consumer's permits, and none while they wait out a backoff: a record that fails again and again holds up
//! its own key and nothing else. A handler's first poll is made where the lane is, and only what is not ready then becomes a task of
//! the runtime; unless the handler computes for so long that another thread had better do it.

use std::{sync::Arc, task::Context, time::Instant};

use tokio::sync::Semaphore;

use super::{
    Event, Finished, Tools,
    cell::{Attempted, Begin},
    cost::{Next, PollCost},
    permit::NextPermit,
    tasks::{Lost, Tasks},
    work::Work,
};
use crate::{
    engine::{attempt::Permits, numbers::Moment},
    route::Routes,
};

pub(super) struct Calls {
    permit: NextPermit,
    tasks: Tasks,
    /// By handler.
    costs: Vec<PollCost>,
}

impl Calls {
    /// Of so many handlers.
    pub(super) fn new(permits: Arc<Semaphore>, handlers: usize) -> Self {
        Self {
            permit: NextPermit::new(permits),
            tasks: Tasks::new(),
            costs: vec![PollCost::default(); handlers],
        }
    }

    /// Whether there is a permit for the next call.
    #[inline]
    pub(super) fn have_permit(&mut self) -> bool {
        self.permit.is_there()
    }

    /// Begins attempts, with the permit that is there unless the handler is a plain function. What came of them, with the rest, if they
    /// have ended at once.
    #[inline]
    pub(super) fn begin<W: Work, R: Routes>(
        &mut self,
        cx: &mut Context<'_>,
        tools: &Arc<Tools<R>>,
        work: W,
        rest: W::Rest,
        at: Moment,
    ) -> Option<(Attempted<W>, W::Rest)> {
        let handler = work.handler();
        // A plain function waits for its thread first.
        let permit = if tools.handlers.rules[handler].is_blocking { None } else { self.permit.take() };
        let begin = Begin { work, permits: Permits::Limited(permit), at };
        let next = self.costs[handler].next();
        if next == Next::Elsewhere {
            self.tasks.spawn(tools, begin, rest);
            return None;
        }
        let begun = (next == Next::HereMeasured).then(Instant::now);
        let mut attempted = self.tasks.poll_once(cx, tools, begin, rest);
        if let Some(begun) = begun {
            self.costs[handler].measured(begun);
        }
        if let Some((attempted, _)) = &mut attempted {
            self.take_permit(&mut attempted.permits);
        }
        attempted
    }

    /// The permit of attempts that have ended is for the next.
    pub(super) fn take_permit(&mut self, permits: &mut Permits) {
        if let Permits::Limited(permit) = permits {
            self.permit.keep(permit);
        }
    }

    /// Others may have the permit that is kept for the next call.
    pub(super) fn give_back_permit(&mut self) {
        self.permit.give_back();
    }

    /// Waits for no permit any more, and gives back the one that is kept.
    pub(super) fn wait_no_longer(&mut self) {
        self.permit.wait_no_longer();
    }

    pub(super) fn are_under_way(&self) -> bool {
        !self.tasks.is_idle()
    }

    /// Attempts that have ended, if there are any.
    pub(super) fn try_next(&mut self) -> Option<Result<Finished, Lost>> {
        self.tasks.try_next()
    }

    /// Waits for attempts to end, and for a permit if one is needed.
    ///
    /// # Cancel safety
    /// It can be called again. The wait for a permit keeps its place, until no permit is needed.
    pub(super) async fn event(&mut self, needs_permit: bool) -> Event {
        if !needs_permit {
            self.permit.wait_no_longer();
        }
        let Self { tasks, permit, .. } = self;
        tokio::select! {
            biased;
            Some(ended) = tasks.next(), if !tasks.is_idle() => Event::Ended(ended),
            () = permit.arrives(), if needs_permit => Event::Permit,
            else => std::future::pending().await,
        }
    }
}
