//! Where every record leaves the lane: the only place that settles one.

use tokio::time::Instant;

use super::{run::Run, turning::Turning};
use crate::{
    engine::{
        attempt::{Done, Flow},
        delivery::Delivery,
        observe::RecordEvent,
        schedule::{Held, Slot},
    },
    record::Written,
    route::{Matched, Routes},
};

/// Whether a record that is settled was begun before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It begins and is settled in one.
    AtOnce,
    /// It is open in the epoch.
    Open,
}

/// How a record was handled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handling {
    pub(super) matched: Matched,
    /// When the record was written.
    pub(super) written: Written,
    /// When the first attempt began, if anybody wants to know.
    pub(super) begun: Option<Instant>,
}

impl Handling {
    #[inline]
    pub(super) fn by(matched: Matched, written: Written, begun: Option<Instant>) -> Self {
        Self { matched, written, begun }
    }
}

impl<R: Routes> Run<R> {
    /// A record that was received is settled.
    #[inline]
    pub(super) fn settle(
        &mut self,
        offset: i64,
        round: u64,
        done: Done,
        standing: Standing,
        handling: Handling,
    ) {
        self.numbers.settled(handling.matched.event(), done, handling.written);
        self.settle_counted(offset, round, done, standing, Some(handling));
    }

    /// The same of one that was counted. `handling` is `None` if nothing matched it.
    #[inline]
    pub(super) fn settle_counted(
        &mut self,
        offset: i64,
        round: u64,
        done: Done,
        standing: Standing,
        handling: Option<Handling>,
    ) {
        if self.is_watched {
            self.tell_settled(offset, done, handling);
        }
        let committable = match standing {
            Standing::AtOnce => self.epoch.pass(offset),
            Standing::Open => self.epoch.settle(offset),
        };
        match &mut self.delivery {
            Delivery::After => {
                if let Some(next) = committable {
                    self.epoch.progress.advance(next);
                }
            }
            Delivery::Before(before) => {
                before.settled(round);
                if let Some(next) = committable {
                    self.tools.worker.control.gauges.settled_below(next);
                }
            }
        }
    }

    /// No handler takes the record that is next.
    #[inline]
    pub(super) fn exit_skipped(&mut self, offset: i64) {
        self.fetched.advance();
        let round = self.delivery.round();
        self.settle_counted(offset, round, Done::Skipped, Standing::AtOnce, None);
    }

    #[cold]
    fn tell_settled(&self, offset: i64, how: Done, handling: Option<Handling>) {
        let handler = handling.map(|handling| handling.matched.handler());
        let after = handling.and_then(|handling| handling.begun).map(|begun| begun.elapsed());
        self.tools.worker.tell(&RecordEvent::Settled { offset, handler, how, after });
    }

    /// An earlier owner has settled the record.
    pub(super) fn pass(&mut self, offset: i64) {
        if self.is_watched {
            self.tools.worker.tell(&RecordEvent::SettledBefore { offset });
        }
        if let Some(next) = self.epoch.pass(offset) {
            match &self.delivery {
                Delivery::After => self.epoch.progress.advance(next),
                Delivery::Before(_) => {}
            }
        }
    }

    /// An entry of a round is done with that is no record.
    pub(super) fn leave_round(&mut self, round: u64) {
        match &mut self.delivery {
            Delivery::After => {}
            Delivery::Before(before) => before.settled(round),
        }
    }

    /// A record that was kept is settled.
    #[inline]
    pub(super) fn settle_held(&mut self, held: Held, done: Done, standing: Standing, begun: Option<Instant>) {
        let Held { message, matched, slot } = held;
        let handling = Handling::by(matched, slot.written, begun);
        self.settle(slot.offset, slot.round, done, standing, handling);
        self.fetched.take_back(message);
    }

    /// The record is not settled yet.
    pub(super) fn stay_open(&mut self, slot: &Slot, standing: Standing) {
        match standing {
            Standing::AtOnce => self.epoch.open(slot.offset, slot.written),
            Standing::Open => {}
        }
    }

    /// A record was not settled: the lane ends there, unless it leaves this stretch of the partition.
    pub(super) fn leave_unsettled(&mut self, offset: i64) {
        if self.is_watched {
            self.tools.worker.tell(&RecordEvent::Unsettled { offset });
        }
        let is_left = match &self.turning {
            Some(Turning::Seeks { .. }) => true,
            Some(Turning::GoesBack { .. }) | None => self.control().is_seek_asked_for(),
        };
        if !is_left {
            self.flow = Flow::End;
        }
    }
}
