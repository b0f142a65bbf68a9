//! Where every record leaves the lane: the only place that settles one.

use tokio::time::Instant;

use super::{letters::SentLetter, run::Run, turning::Turning};
use crate::{
    engine::{
        attempt::{Done, Ended, Fate, Flow, Letter, Share},
        delivery::Delivery,
        observe::RecordEvent,
        schedule::{Attempted, Event, Finished, Held, Job, KeyHash, Lost, One, Schedule, Slot},
    },
    event::Outgoing,
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
        let round = self.round();
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

    /// The round of what is offered now.
    #[inline]
    pub(super) fn round(&self) -> u64 {
        match &self.delivery {
            Delivery::After => 0,
            Delivery::Before(before) => before.round(),
        }
    }

    /// An entry of a round is done with that is no record.
    pub(super) fn leave_round(&mut self, round: u64) {
        match &mut self.delivery {
            Delivery::After => {}
            Delivery::Before(before) => before.settled(round),
        }
    }

    /// The attempts at a record that has begun just now have ended.
    #[inline]
    pub(super) fn exit_at_once(&mut self, attempted: Attempted<One>, matched: Matched, slot: Slot) {
        match attempted {
            Attempted { work, ended: Ended::All(Done::Handled), begun, call: (began, now), .. } => {
                self.numbers.handled_at_once(matched.event(), slot.written, began, now);
                let handling = Handling::by(matched, slot.written, begun);
                self.settle_counted(slot.offset, slot.round, Done::Handled, Standing::AtOnce, Some(handling));
                self.fetched.take_back(work.message);
            }
            attempted => {
                self.numbers.received(matched.event());
                self.exit_here(Finished::new(attempted, (matched, slot)), Standing::AtOnce);
            }
        }
    }

    /// The attempts at the records of a job have ended where the lane is: the next call begins when this one ended.
    pub(super) fn exit_here(&mut self, finished: Finished, standing: Standing) {
        self.numbers.looked(finished.call.1);
        self.exit(finished, standing);
    }

    /// The attempts at the records of a job have ended.
    fn exit(&mut self, finished: Finished, standing: Standing) {
        let Finished { job, ended, begun, call: (began, now), .. } = finished;
        if let Some(first) = job.first() {
            self.numbers.called(first.matched.event(), began, now);
        }
        match (job, ended) {
            (Job::One(held), ended) => {
                let slot = held.slot;
                self.exit_held(held, ended.of_one(), standing, begun);
                if standing == Standing::Open {
                    self.release(slot.key.into_iter());
                }
            }
            (Job::Many { records, .. }, ended) => self.exit_batch(records, ended, begun),
        }
    }

    /// The records of a batch are open since they were collected.
    fn exit_batch(&mut self, mut records: Vec<Held>, ended: Ended, begun: Option<Instant>) {
        let mut keys: Vec<KeyHash> = records.iter().filter_map(|held| held.slot.key).collect();
        match ended {
            Ended::All(done) => {
                for held in records.drain(..) {
                    self.exit_held(held, Some(Fate::Settled(done)), Standing::Open, begun);
                }
            }
            Ended::Each(fates) => {
                for (held, fate) in records.drain(..).zip(fates) {
                    self.exit_held(held, fate, Standing::Open, begun);
                }
            }
            Ended::Sends(outgoing) => {
                self.send_of_many(std::mem::take(&mut records), outgoing, begun);
            }
            Ended::SendsOfSome(of_some) => {
                let (outgoing, shares) = *of_some;
                let mut of_call = Vec::with_capacity(records.len());
                for (held, share) in records.drain(..).zip(shares) {
                    match share {
                        Share::OfCall => of_call.push(held),
                        Share::Left(fate) => self.exit_held(held, fate, Standing::Open, begun),
                    }
                }
                self.send_of_many(of_call, outgoing, begun);
            }
        }
        self.schedule.take_back(records);
        keys.sort_unstable();
        keys.dedup();
        self.release(keys.into_iter());
    }

    #[inline]
    pub(super) fn exit_held(
        &mut self,
        held: Held,
        fate: Option<Fate>,
        standing: Standing,
        begun: Option<Instant>,
    ) {
        let slot = held.slot;
        if standing == Standing::Open {
            self.schedule.done(&slot);
        }
        match fate {
            Some(Fate::Settled(done)) => self.settle_held(held, done, standing, begun),
            Some(Fate::Letter(letter)) => {
                self.stay_open(&slot, standing);
                self.send_letter(held, letter, begun);
            }
            Some(Fate::Sends(outgoing)) => {
                self.stay_open(&slot, standing);
                self.send_returned(Job::One(held), outgoing, begun);
            }
            None => {
                self.stay_open(&slot, standing);
                self.leave_unsettled(slot.offset);
            }
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

    /// The events of a batch's call are sent; its records are not under way any more.
    fn send_of_many(&mut self, records: Vec<Held>, outgoing: Outgoing, begun: Option<Instant>) {
        let Some(first) = records.first() else { return };
        let handler = first.handler();
        records.iter().for_each(|held| self.schedule.done(&held.slot));
        self.send_returned(Job::Many { handler, records }, outgoing, begun);
    }

    /// The record is not settled yet.
    fn stay_open(&mut self, slot: &Slot, standing: Standing) {
        match standing {
            Standing::AtOnce => self.epoch.open(slot.offset, slot.written),
            Standing::Open => {}
        }
    }

    /// What is behind these keys' records may begin, unless the lane is ending; what was committed before must.
    fn release(&mut self, keys: impl Iterator<Item = KeyHash>) {
        let Schedule::Concurrent(concurrent) = &mut self.schedule else { return };
        let is_ending = self.flow == Flow::End || self.tools.worker.control.is_stopping();
        let may_begin = match &self.delivery {
            Delivery::After => !is_ending,
            Delivery::Before(_) => true,
        };
        if may_begin {
            let rules = &self.tools.handlers.rules;
            keys.for_each(|key| concurrent.release(key, |handler| rules[handler].batch));
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

    /// Lets out what has ended meanwhile.
    pub(super) fn exit_all_that_ended(&mut self) {
        while let Some(ended) = self.schedule.try_next() {
            self.exit_ended(ended);
        }
        while let Some(sent) = self.letters.next(&self.tools) {
            self.exit_sent(sent);
        }
        self.exit_all_that_arrived();
    }

    pub(super) fn exit_event(&mut self, event: Event) {
        match event {
            Event::Ended(ended) => self.exit_ended(ended),
            Event::Permit => {}
        }
    }

    fn exit_ended(&mut self, ended: Result<Finished, Lost>) {
        match ended {
            Ok(mut finished) => {
                self.schedule.take_permit(&mut finished);
                self.exit(finished, Standing::Open);
            }
            Err(Lost) => self.lose_task(),
        }
    }

    /// The record is open in the epoch.
    pub(super) fn send_letter(&mut self, held: Held, letter: Letter, begun: Option<Instant>) {
        if let Some(sent) = self.letters.send(&self.tools, held, letter, begun) {
            self.exit_sent(sent);
        }
    }

    fn exit_sent(&mut self, SentLetter { held, begun, is_acknowledged }: SentLetter) {
        if is_acknowledged {
            self.settle_held(held, Done::DeadLettered, Standing::Open, begun);
        } else {
            self.leave_unsettled(held.slot.offset);
        }
    }

    fn lose_task(&mut self) {
        self.tools.worker.lost_task();
        self.flow = Flow::End;
    }
}
