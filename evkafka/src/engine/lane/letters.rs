//! The dead letters of a lane that are on their way. Their records are not settled before they are acknowledged; other records are
//! handled meanwhile.

use std::{sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use rustc_hash::FxHashMap;
use tokio::{sync::Notify, time::Instant};

use super::{
    Phase,
    control::LaneControl,
    outbox::{Outbox, Records},
    resends::OrderKey,
};
use crate::{
    engine::{
        attempt::{Letter, Worker},
        schedule::{Held, Tools},
    },
    error::DeadLetterFault,
    native::{Answer, Delivery, Ticket},
    route::Routes,
    send::Again,
};

/// How many dead letters of a partition may be on their way at a time.
const MOST: usize = 1024;

/// How long a dead letter on its way is waited for once the lane was told to stop. Brokers that work answer sooner, and a
/// record that is given back is handled again.
const GRACE: Duration = Duration::from_millis(500);

pub(super) struct Letters {
    outbox: Outbox,
    open: Open,
    last: u64,
    bytes: u64,
    most_bytes: u64,
    /// Since when the lane is to stop, as far as was seen.
    stopping_since: Option<Instant>,
}

/// Those that are not acknowledged yet, by the numbers of their tickets.
type Open = FxHashMap<u64, OnItsWay>;

struct OnItsWay {
    held: Held,
    letter: Letter,
    path: Vec<u8>,
    /// When the first attempt at its record began, if anybody wants to know.
    begun: Option<Instant>,
    since: Instant,
    again: Again,
}

/// What is on its way, and what sends it.
struct Sending<'l, R>(&'l Open, &'l Tools<R>);

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
            outbox: Outbox::new(look),
            open: FxHashMap::default(),
            last: 0,
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
        let path = match worker.letter_path(&held.message.record(&worker.origin), &letter) {
            Ok(path) => path,
            Err(path) => {
                report(worker, &held, &letter, DeadLetterFault::Loop(path));
                return Some(SentLetter { held, begun, is_acknowledged: false });
            }
        };
        self.last += 1;
        self.bytes += held.slot.bytes;
        let on_its_way =
            OnItsWay { held, letter, path, begun, since: Instant::now(), again: Again::default() };
        self.open.insert(self.last, on_its_way);
        self.outbox.add(numbered(self.last));
        self.outbox.send(&Sending(&self.open, tools));
        None
    }

    /// A letter that is acknowledged, or that is not waited for any longer, if there is one.
    pub(super) fn next<R: Routes>(&mut self, tools: &Tools<R>) -> Option<SentLetter> {
        while let Some((ticket, delivery)) = self.outbox.next_answer(&Sending(&self.open, tools)) {
            let sent = self.hear(tools, ticket, delivery);
            self.outbox.hear(delivery);
            if sent.is_some() {
                return sent;
            }
        }
        self.next_unsent(&tools.worker)
    }

    fn hear<R: Routes>(
        &mut self,
        tools: &Tools<R>,
        ticket: Ticket,
        delivery: Delivery,
    ) -> Option<SentLetter> {
        let worker = &tools.worker;
        // One that was not waited for any longer is unknown.
        let OnItsWay { held, letter, path, again, .. } = self.open.get_mut(&ticket.sending)?;
        let code = match delivery {
            Ok(_) => {
                worker.tell_letter_sent(&held.message.record(&worker.origin), letter);
                return self.close(ticket.sending, true);
            }
            Err(code) => code,
        };
        let record = held.message.record(&worker.origin);
        let after = worker.with_letter(&tools.handlers, &record, letter, path, |letters, raw| {
            letters.after(&raw, again, code)
        });
        match after {
            Ok(then) => {
                self.outbox.add_again(&Sending(&self.open, tools), ticket, then.at(Instant::now()));
                None
            }
            Err(refused) => {
                report(worker, held, letter, DeadLetterFault::refused(refused));
                self.close(ticket.sending, false)
            }
        }
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
        if !is_acknowledged {
            self.outbox.forget(number);
        }
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
        let over = self.waits_until(control).and_then(|until| self.open.values().map(until).min());
        self.outbox.due().into_iter().chain(over).min()
    }
}

fn numbered(number: u64) -> Ticket {
    Ticket { sending: number, event: 0, destination: 0 }
}

impl<R: Routes> Records for Sending<'_, R> {
    fn order_key(&self, ticket: Ticket) -> Option<OrderKey> {
        let Self(open, Tools { worker, .. }) = self;
        let OnItsWay { held, letter, .. } = open.get(&ticket.sending)?;
        Some(OrderKey::new(Some(letter.topic()), held.message.record(&worker.origin).key()))
    }

    fn enqueue(&self, ticket: Ticket, answer: Answer) -> Result<(), RDKafkaErrorCode> {
        let Self(open, Tools { handlers, worker }) = self;
        let Some(OnItsWay { held, letter, path, again, .. }) = open.get(&ticket.sending) else {
            return Ok(());
        };
        let record = held.message.record(&worker.origin);
        worker.with_letter(handlers, &record, letter, path, |letters, raw| {
            let enqueued = letters.enqueue(raw, again, answer);
            if enqueued == Err(RDKafkaErrorCode::QueueFull) {
                // Logged.
                let _ = letters.after(&raw, &mut Again::default(), RDKafkaErrorCode::QueueFull);
            }
            enqueued
        })
    }
}

/// Ends the app at a record that cannot be a dead letter.
fn report(worker: &Worker, held: &Held, letter: &Letter, fault: DeadLetterFault) {
    worker.report_dead_letter(&held.message.record(&worker.origin), letter, fault);
}
