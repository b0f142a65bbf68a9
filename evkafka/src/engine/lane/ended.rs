//! What comes of attempts that have ended.

use tokio::time::Instant;

use super::{
    exit::{Handling, Standing},
    letters::SentLetter,
    run::Run,
};
use crate::{
    engine::{
        attempt::{Done, Ended, Fate, Flow, Letter, Share},
        delivery::Delivery,
        schedule::{Attempted, Event, Finished, Held, Job, KeyHash, Lost, One, Schedule, Slot},
    },
    event::Outgoing,
    route::{Matched, Routes},
};

impl<R: Routes> Run<R> {
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

    /// The records of a batch are open: since they were collected, or since a call where they were fetched ended.
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

    /// The events of a batch's call are sent; its records are not under way any more.
    fn send_of_many(&mut self, records: Vec<Held>, outgoing: Outgoing, begun: Option<Instant>) {
        let Some(first) = records.first() else { return };
        let handler = first.handler();
        records.iter().for_each(|held| self.schedule.done(&held.slot));
        self.send_returned(Job::Many { handler, records }, outgoing, begun);
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
}
