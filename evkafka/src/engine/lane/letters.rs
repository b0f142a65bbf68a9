//! The dead letters of a lane that are on their way. Their records are not settled before they are acknowledged; other records are
//! handled meanwhile.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use rustc_hash::FxHashMap;
use tokio::{sync::Notify, time::Instant};

use super::{Phase, control::LaneControl};
use crate::{
    engine::{
        attempt::{Letter, Worker},
        schedule::{Held, Tools},
    },
    error::DeadLetterFault,
    native::{Answer, Delivery, Inbox, Ticket},
    route::Routes,
    send::{Again, Then},
};

/// How many dead letters of a partition may be on their way at a time.
const MOST: usize = 1024;

/// How often a full queue is looked at. Whoever has letters in it looks when one has left it.
const LOOKS_AGAIN: Duration = Duration::from_millis(10);

/// How long a dead letter on its way is waited for once the lane was told to stop. Brokers that work answer sooner, and a
/// record that is given back is handled again.
const GRACE: Duration = Duration::from_millis(500);

pub(super) struct Letters {
    inbox: Arc<Inbox>,
    /// What was taken from the inbox, and is looked through, from its end.
    arrived: Vec<(Ticket, Delivery)>,
    open: FxHashMap<u64, OnItsWay>,
    last: u64,
    /// Those that the producer had no room for, in order. While there is any, none is sent before it.
    backlog: VecDeque<u64>,
    /// Those that were not acknowledged, and when they are sent again.
    later: Vec<(Instant, u64)>,
    bytes: u64,
    most_bytes: u64,
    /// Since when the lane is to stop, as far as was seen.
    stopping_since: Option<Instant>,
}

struct OnItsWay {
    held: Held,
    letter: Letter,
    /// When the first attempt at its record began, if anybody wants to know.
    begun: Option<Instant>,
    since: Instant,
    again: Again,
}

/// A record whose dead letter has left the lane, or will not.
pub(super) struct SentLetter {
    pub(super) held: Held,
    /// When the first attempt at it began, if anybody wants to know.
    pub(super) begun: Option<Instant>,
    pub(super) is_acknowledged: bool,
}

impl Letters {
    /// Wakes `look` when there is something to [take](Self::next). At most so many bytes of records may be on their way.
    pub(super) fn new(look: Arc<Notify>, most_bytes: u64) -> Self {
        Self {
            inbox: Arc::new(Inbox::new(look)),
            arrived: Vec::new(),
            open: FxHashMap::default(),
            last: 0,
            backlog: VecDeque::new(),
            later: Vec::new(),
            bytes: 0,
            most_bytes,
            stopping_since: None,
        }
    }

    /// Sends a record to a dead-letter topic, after those before it. Returned is one that must not go there: then the app ends.
    pub(super) fn send<R: Routes>(
        &mut self,
        tools: &Tools<R>,
        held: Held,
        letter: Letter,
        begun: Option<Instant>,
    ) -> Option<SentLetter> {
        let Tools { worker, .. } = tools;
        if let Some(path) = worker.loop_of(&held.message.record(&worker.origin), &letter) {
            report(worker, &held, &letter, DeadLetterFault::Loop(path));
            return Some(SentLetter { held, begun, is_acknowledged: false });
        }
        self.last += 1;
        self.bytes += held.slot.bytes;
        let on_its_way = OnItsWay { held, letter, begun, since: Instant::now(), again: Again::default() };
        self.open.insert(self.last, on_its_way);
        self.backlog.push_back(self.last);
        self.send_backlog(tools);
        None
    }

    /// A letter that is acknowledged, or that is not waited for any longer, if there is one.
    pub(super) fn next<R: Routes>(&mut self, tools: &Tools<R>) -> Option<SentLetter> {
        self.send_due(tools);
        while let Some((number, delivery)) = self.next_answer(tools) {
            if let Some(sent) = self.hear(tools, number, delivery) {
                return Some(sent);
            }
        }
        self.next_unsent(&tools.worker)
    }

    fn next_answer<R: Routes>(&mut self, tools: &Tools<R>) -> Option<(u64, Delivery)> {
        if self.arrived.is_empty() {
            self.inbox.take(&mut self.arrived);
            self.arrived.reverse();
            if !self.arrived.is_empty() {
                // They have left room.
                self.send_backlog(tools);
            }
        }
        self.arrived.pop().map(|(ticket, delivery)| (ticket.sending, delivery))
    }

    /// Sends what waits for room, as far as there is any.
    fn send_backlog<R: Routes>(&mut self, tools: &Tools<R>) {
        while let Some(number) = self.backlog.front().copied() {
            let Some(OnItsWay { held, letter, again, .. }) = self.open.get_mut(&number) else {
                self.backlog.pop_front();
                continue;
            };
            let ticket = Ticket { sending: number, event: 0, destination: 0 };
            let answer = Answer::Inbox(Arc::clone(&self.inbox), ticket);
            let record = held.message.record(&tools.worker.origin);
            let enqueued = tools.worker.with_letter(&tools.handlers, &record, letter, |letters, raw| {
                let enqueued = letters.enqueue(raw, again, answer);
                if enqueued == Err(RDKafkaErrorCode::QueueFull) {
                    // Logged.
                    let _ = letters.after(&raw, again, RDKafkaErrorCode::QueueFull);
                }
                enqueued
            });
            match enqueued {
                Ok(()) => {}
                Err(RDKafkaErrorCode::QueueFull) => return,
                // As if the broker had said it: the lane may be about to wait.
                Err(code) => self.inbox.put(ticket, Err(code)),
            }
            self.backlog.pop_front();
        }
    }

    fn send_due<R: Routes>(&mut self, tools: &Tools<R>) {
        if !self.later.is_empty() {
            let now = Instant::now();
            let due = self.later.extract_if(.., |(at, _)| *at <= now);
            self.backlog.extend(due.map(|(_, number)| number));
        }
        self.send_backlog(tools);
    }

    fn hear<R: Routes>(&mut self, tools: &Tools<R>, number: u64, delivery: Delivery) -> Option<SentLetter> {
        let worker = &tools.worker;
        // One that was not waited for any longer is unknown.
        let OnItsWay { held, letter, again, .. } = self.open.get_mut(&number)?;
        let code = match delivery {
            Ok(_) => {
                worker.tell_letter_sent(&held.message.record(&worker.origin), letter);
                return self.close(number, true);
            }
            Err(code) => code,
        };
        let record = held.message.record(&worker.origin);
        let after = worker
            .with_letter(&tools.handlers, &record, letter, |letters, raw| letters.after(&raw, again, code));
        match after {
            Ok(Then::Room | Then::Alone) => self.backlog.push_back(number),
            Ok(Then::After(wait)) => self.later.push((Instant::now() + wait, number)),
            Ok(Then::Refused) => unreachable!("it is an error"),
            Err(refused) => {
                report(worker, held, letter, DeadLetterFault::refused(refused));
                return self.close(number, false);
            }
        }
        self.send_backlog(tools);
        None
    }

    /// One that is not waited for any longer, although it may have been written.
    fn next_unsent(&mut self, worker: &Worker) -> Option<SentLetter> {
        let until = self.waits_until(&worker.control)?;
        let now = Instant::now();
        let over = self.open.iter().filter(|(_, letter)| now >= until(letter));
        let number = over.map(|(number, _)| *number).min()?;
        let OnItsWay { held, letter, .. } = self.open.get(&number)?;
        worker.tell_letter_unsent(&held.message.record(&worker.origin), letter);
        self.close(number, false)
    }

    /// Until when each is waited for; `None` is without an end.
    fn waits_until(&mut self, control: &LaneControl) -> Option<impl Fn(&OnItsWay) -> Instant + use<>> {
        if self.open.is_empty() || !control.is_stopping() {
            return None;
        }
        let since = *self.stopping_since.get_or_insert_with(Instant::now);
        let grace = if control.phase() >= Phase::Cancelled { Duration::ZERO } else { GRACE };
        Some(move |letter: &OnItsWay| since.max(letter.since) + grace)
    }

    fn close(&mut self, number: u64, is_acknowledged: bool) -> Option<SentLetter> {
        let OnItsWay { held, begun, .. } = self.open.remove(&number)?;
        self.bytes -= held.slot.bytes;
        Some(SentLetter { held, begun, is_acknowledged })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.open.len() < MOST && self.bytes < self.most_bytes
    }

    /// When to look again, though nothing may arrive until then.
    pub(super) fn due(&mut self, control: &LaneControl) -> Option<Instant> {
        let room = (!self.backlog.is_empty()).then(|| Instant::now() + LOOKS_AGAIN);
        let over = self.waits_until(control).and_then(|until| self.open.values().map(until).min());
        self.later.iter().map(|(at, _)| *at).chain(room).chain(over).min()
    }
}

/// Ends the app at a record that cannot be a dead letter.
fn report(worker: &Worker, held: &Held, letter: &Letter, fault: DeadLetterFault) {
    worker.report_dead_letter(&held.message.record(&worker.origin), letter, fault);
}
