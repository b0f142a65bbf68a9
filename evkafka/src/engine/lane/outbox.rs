//! What a lane has given to a producer, and what it could not give it yet: the same for events and for dead letters.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use tokio::{sync::Notify, time::Instant};

use super::resends::{OrderKey, Resends};
use crate::native::{Answer, Delivery, Inbox, Ticket};

/// How often a full queue is looked at. Whoever has records in it looks when one has left it.
const LOOKS_AGAIN: Duration = Duration::from_millis(10);

pub(super) struct Outbox {
    inbox: Arc<Inbox>,
    /// What was taken from the inbox, and is looked through from its end.
    arrived: Vec<(Ticket, Delivery)>,
    /// What no producer had room for, in order. While there is any, nothing is sent before it.
    backlog: VecDeque<Ticket>,
    /// What was not acknowledged, and what is to be sent after it.
    resends: Resends,
}

/// Knows the records that tickets stand for.
pub(super) trait Records {
    /// Among which a record is sent in order; `None` if nobody waits for it any more.
    fn order_key(&self, ticket: Ticket) -> Option<OrderKey>;

    /// Puts a record into the queue of its producer; one that nobody waits for any more is passed over.
    ///
    /// # Errors
    /// If that does not take it.
    fn enqueue(&self, ticket: Ticket, answer: Answer) -> Result<(), RDKafkaErrorCode>;
}

impl Outbox {
    /// Wakes `look` when an answer has arrived.
    pub(super) fn new(look: Arc<Notify>) -> Self {
        Self {
            inbox: Arc::new(Inbox::new(look)),
            arrived: Vec::new(),
            backlog: VecDeque::new(),
            resends: Resends::default(),
        }
    }

    /// A record is to be sent, after those that were added before.
    pub(super) fn add(&mut self, ticket: Ticket) {
        self.backlog.push_back(ticket);
    }

    /// A record was not acknowledged, and is sent again at that time.
    pub(super) fn add_again(&mut self, records: &impl Records, ticket: Ticket, at: Instant) {
        if let Some(key) = records.order_key(ticket) {
            self.resends.add(key, ticket, at);
        }
    }

    /// Sends what is to be sent, as far as there is room.
    pub(super) fn send(&mut self, records: &impl Records) {
        self.add_due();
        while let Some(ticket) = self.backlog.front().copied() {
            if let Some(key) = self.resent_before(records, ticket) {
                self.resends.join(key, ticket);
            } else {
                match records.enqueue(ticket, Answer::Inbox(Arc::clone(&self.inbox), ticket)) {
                    Ok(()) => {}
                    // The failures of what was sent before are heard first.
                    Err(RDKafkaErrorCode::QueueFull | RDKafkaErrorCode::Retry) => return,
                    // As if the broker had said it: the lane may be about to wait.
                    Err(code) => self.inbox.put(ticket, Err(code)),
                }
            }
            self.backlog.pop_front();
        }
    }

    fn add_due(&mut self) {
        // Mostly, and then the clock is not read.
        if self.resends.due().is_none() {
            return;
        }
        let due = self.resends.take_due(Instant::now());
        if !due.is_empty() {
            self.backlog.extend(due);
            // What waits for room may have been added before or after it.
            self.backlog.make_contiguous().sort_unstable_by_key(Ticket::order);
        }
    }

    /// The key of a record, if others of it wait to be sent again.
    fn resent_before(&self, records: &impl Records, ticket: Ticket) -> Option<OrderKey> {
        if self.resends.is_empty() {
            return None;
        }
        records.order_key(ticket).filter(|key| self.resends.has(*key))
    }

    /// An answer that has arrived, if there is one. It has to be [heard](Self::hear).
    pub(super) fn next_answer(&mut self, records: &impl Records) -> Option<(Ticket, Delivery)> {
        if self.arrived.is_empty() {
            // All is heard that had arrived, and it has left room.
            self.send(records);
            self.inbox.take(&mut self.arrived);
            self.arrived.reverse();
        }
        self.arrived.pop()
    }

    /// It is known what follows from an answer: nothing is sent before the failures that have arrived are heard.
    pub(super) fn hear(&self, delivery: Delivery) {
        if delivery.is_err() {
            self.inbox.hear_failure();
        }
    }

    /// What was sent under this number is not to be sent again.
    pub(super) fn forget(&mut self, sending: u64) {
        self.resends.forget(sending);
        self.backlog.retain(|ticket| ticket.sending != sending);
    }

    /// Nothing is.
    pub(super) fn clear(&mut self) {
        self.backlog.clear();
        self.resends.clear();
    }

    /// Whether nothing waits for room.
    pub(super) fn has_room(&self) -> bool {
        self.backlog.is_empty()
    }

    /// When to look again, though nothing may arrive until then.
    pub(super) fn due(&self) -> Option<Instant> {
        let room = (!self.backlog.is_empty()).then(|| Instant::now() + LOOKS_AGAIN);
        self.resends.due().into_iter().chain(room).min()
    }
}
