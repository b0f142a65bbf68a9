//! The events that handlers have returned, until they are acknowledged. Their records are not settled before; other records are handled
//! meanwhile.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use rustc_hash::FxHashMap;
use tokio::{sync::Notify, time::Instant};

pub(super) use super::sent::{Arrival, Sent};
use super::{
    resends::{OrderKey, Resends},
    sent::Sending,
    window::Window,
};
use crate::{
    engine::schedule::Job,
    event::Outgoing,
    native::{Answer, Delivery, Inbox, Ticket},
    send::{Again, Extras, Outlets, OwnHeader, Place, RecordForm, Refused, SendError, Then},
    traces::SendSpans,
};

/// How often a full queue is looked at. Whoever has records in it looks when one has left it.
const LOOKS_AGAIN: Duration = Duration::from_millis(10);

/// How long the end of a lane waits for what handlers have enqueued. Brokers that work answer sooner, and the app waits for the rest.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Sendings {
    outlets: Arc<Outlets>,
    inbox: Arc<Inbox>,
    /// What was taken from the inbox, and is looked through.
    arrived: Vec<(Ticket, Delivery)>,
    open: FxHashMap<u64, Sending>,
    last: u64,
    /// What no producer had room for, in order. While there is any, nothing is sent before it.
    backlog: VecDeque<Ticket>,
    /// What was not acknowledged, and what is to be sent after it.
    resends: Resends,
    /// How many events are not acknowledged yet.
    events: usize,
    window: Window,
    /// Of the events of calls that are not closed, and of their records.
    bytes: u64,
    most_bytes: u64,
    /// Until when the lane's end waits for what was enqueued.
    flush_until: Option<Instant>,
}

impl Sendings {
    /// Wakes `look` when there is something to [take](Self::next). At most so many bytes may be on their way.
    pub(super) fn new(outlets: Arc<Outlets>, look: Arc<Notify>, most_bytes: u64) -> Self {
        Self {
            outlets,
            inbox: Arc::new(Inbox::new(look)),
            arrived: Vec::new(),
            open: FxHashMap::default(),
            last: 0,
            backlog: VecDeque::new(),
            resends: Resends::default(),
            events: 0,
            window: Window::new(),
            bytes: 0,
            most_bytes,
            flush_until: None,
        }
    }

    /// Sends events, in order; what there is no room for, when there is. `forwarded` says what a record of that form passes on of what was
    /// handled.
    pub(super) fn send(
        &mut self,
        of: Sent,
        outgoing: Outgoing,
        forwarded: impl FnOnce(&Job, &RecordForm) -> Vec<OwnHeader>,
    ) {
        self.last += 1;
        let (number, mut events, mut forwards) = (self.last, 0, None);
        for (event, encoded) in outgoing.iter() {
            let place = self.outlets.place(&encoded);
            if forwards.is_none() {
                let form = self.outlets.at(place).map(|destination| &destination.outlet.form);
                forwards = form.filter(|form| form.forwards());
            }
            self.backlog.push_back(Ticket { sending: number, event, destination: place.number() });
            events += 1;
        }
        let headers = forwards.map_or_else(Vec::new, |form| forwarded(&of.job, form));
        let extras = Extras { headers, stamp: self.outlets.stamp(), ..Extras::default() };
        self.events += events;
        self.window.sent(self.events);
        let spans = SendSpans::begin(&outgoing, |event| self.outlets.at(self.outlets.place(event)));
        let sending = Sending::new(of, outgoing, extras, spans, events);
        self.bytes += sending.bytes();
        self.open.insert(number, sending);
        self.send_backlog();
    }

    /// What has arrived is of nothing that is waited for. An inbox that it stays in is not empty, and would wake nobody.
    fn forget_answers(&mut self) {
        while let Some((ticket, delivery)) = self.next_answer() {
            self.hear(ticket, delivery);
        }
    }

    fn next_answer(&mut self) -> Option<(Ticket, Delivery)> {
        if self.arrived.is_empty() {
            self.inbox.take(&mut self.arrived);
            // They are taken from the end.
            self.arrived.reverse();
        }
        self.arrived.pop()
    }

    /// Sends what waits for room, as far as there is any.
    fn send_backlog(&mut self) {
        while let Some(ticket) = self.backlog.front().copied() {
            if let Some(key) = self.resent_before(ticket) {
                self.resends.join(key, ticket);
            } else if self.enqueue(ticket) == Enqueued::NoRoom {
                return;
            }
            self.backlog.pop_front();
        }
    }

    /// The key of an event, if others of it wait to be sent again.
    fn resent_before(&self, ticket: Ticket) -> Option<OrderKey> {
        if self.resends.is_empty() {
            return None;
        }
        self.order_key(ticket).filter(|key| self.resends.has(*key))
    }

    fn order_key(&self, ticket: Ticket) -> Option<OrderKey> {
        let sending = self.open.get(&ticket.sending)?;
        let event = sending.outgoing.get(ticket.event)?;
        let destination = self.outlets.at(Place::from_number(ticket.destination));
        let topic = destination.and_then(|destination| destination.topic(&sending.extras).ok());
        Some(OrderKey::new(topic, event.key))
    }

    fn enqueue(&mut self, ticket: Ticket) -> Enqueued {
        let Some(sending) = self.open.get_mut(&ticket.sending) else { return Enqueued::Taken };
        let Sending { outgoing, extras, spans, again, .. } = sending;
        let Some(event) = outgoing.get(ticket.event) else { return Enqueued::Taken };
        let unsent = Again::default();
        let so_far = again.of(ticket.event).unwrap_or(&unsent);
        let answer = Answer::Inbox(Arc::clone(&self.inbox), ticket);
        let destination = self.outlets.at(Place::from_number(ticket.destination));
        let enqueued = match destination {
            Some(destination) => {
                let plain;
                let extras = if destination.outlet.form.forwards() || extras.headers.is_empty() {
                    &*extras
                } else {
                    // They were forwarded for the call's other events.
                    plain = Extras { stamp: extras.stamp, ..Extras::default() };
                    &plain
                };
                destination.enqueue(&event, extras, spans.headers(ticket.event), so_far, answer)
            }
            // The start has refused events without one.
            None => Err(RDKafkaErrorCode::InvalidTopic),
        };
        match enqueued {
            Ok(()) => Enqueued::Taken,
            Err(RDKafkaErrorCode::QueueFull) => {
                if let Some(destination) = destination {
                    // Logged.
                    let _ =
                        destination.after(&event, extras, &mut Again::default(), RDKafkaErrorCode::QueueFull);
                }
                Enqueued::NoRoom
            }
            // The failures of what was sent before are heard first.
            Err(RDKafkaErrorCode::Retry) => Enqueued::NoRoom,
            // As if the broker had said it: the lane may be about to wait.
            Err(code) => {
                self.inbox.put(ticket, Err(code));
                Enqueued::Taken
            }
        }
    }

    /// The events of a call that are all acknowledged, or of which one is refused, if there are any.
    pub(super) fn next(&mut self) -> Option<Arrival> {
        if self.open.is_empty() {
            self.forget_answers();
            return None;
        }
        self.send_due();
        loop {
            let have_arrived = self.arrived.is_empty();
            let Some((ticket, delivery)) = self.next_answer() else {
                self.send_due();
                return None;
            };
            if have_arrived {
                // They have left room.
                self.send_backlog();
            }
            if let Some(arrival) = self.hear(ticket, delivery) {
                return Some(arrival);
            }
        }
    }

    fn hear(&mut self, ticket: Ticket, delivery: Delivery) -> Option<Arrival> {
        let arrival = self.hear_answer(ticket, delivery);
        if delivery.is_err() {
            self.inbox.hear_failure();
        }
        arrival
    }

    fn hear_answer(&mut self, ticket: Ticket, delivery: Delivery) -> Option<Arrival> {
        if delivery.is_ok()
            && let Some(destination) = self.outlets.at(Place::from_number(ticket.destination))
        {
            destination.counted.count(true);
        }
        // One whose sending was refused already may be unknown.
        let sending = self.open.get_mut(&ticket.sending)?;
        match delivery {
            Ok(_) => {
                sending.spans.answered(ticket.event, delivery);
                sending.unacknowledged -= 1;
                self.events -= 1;
                self.window.acknowledged();
                (sending.unacknowledged == 0).then(|| self.close(ticket.sending))?.map(Arrival::Acknowledged)
            }
            Err(code) => {
                let refused = self.send_again(ticket, code)?;
                let sent = self.close(ticket.sending)?;
                Some(Arrival::Refused(sent, refused))
            }
        }
    }

    /// Has an event sent again that was not acknowledged; the error, if that is of no use.
    fn send_again(&mut self, ticket: Ticket, code: RDKafkaErrorCode) -> Option<SendError> {
        let sending = self.open.get_mut(&ticket.sending)?;
        let event = sending.outgoing.get(ticket.event)?;
        let again = sending.again.of_mut(ticket.event);
        let destination = self.outlets.at(Place::from_number(ticket.destination));
        let then = match destination {
            Some(destination) => destination.after(&event, &sending.extras, again, code),
            None => Err(Refused { code, advice: "add a producer for it to the app".to_owned() }),
        };
        let at = match then {
            Ok(Then::Room | Then::Alone) => Instant::now(),
            Ok(Then::After(wait)) => Instant::now() + wait,
            Ok(Then::Refused) => unreachable!("it is an error"),
            Err(refused) => {
                if let Some(destination) = destination {
                    destination.counted.count(false);
                }
                let topic = destination.and_then(|destination| destination.topic(&sending.extras).ok());
                let error = SendError::refused(event.name.as_str(), topic, refused);
                sending.spans.failed(ticket.event, &error);
                return Some(error);
            }
        };
        let key = self.order_key(ticket)?;
        self.resends.add(key, ticket, at);
        None
    }

    fn send_due(&mut self) {
        if !self.resends.is_empty() {
            let due = self.resends.take_due(Instant::now());
            if !due.is_empty() {
                self.backlog.extend(due);
                // What waits for room may have been returned before or after it.
                self.backlog.make_contiguous().sort_unstable_by_key(Ticket::order);
            }
        }
        self.send_backlog();
    }

    fn close(&mut self, number: u64) -> Option<Sent> {
        let sending = self.open.remove(&number)?;
        self.events -= sending.unacknowledged;
        self.bytes -= sending.bytes();
        if sending.unacknowledged > 0 {
            self.resends.forget(number);
            self.backlog.retain(|ticket| ticket.sending != number);
        }
        Some(sending.of)
    }

    /// Waits for none of them any more.
    pub(super) fn abandon(&mut self) -> Vec<Sent> {
        self.backlog.clear();
        self.resends.clear();
        (self.events, self.bytes) = (0, 0);
        self.open.drain().map(|(_, sending)| sending.of).collect()
    }

    /// Whether nothing is on its way that handlers have enqueued, or it was waited for as long as it may be: it is the whole app's, and other
    /// lanes may go on enqueueing.
    pub(super) fn are_flushed(&mut self) -> bool {
        if self.outlets.are_flushed() {
            return true;
        }
        let now = Instant::now();
        now >= *self.flush_until.get_or_insert(now + FLUSH_TIMEOUT)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.backlog.is_empty() && self.window.has_room(self.events) && self.bytes < self.most_bytes
    }

    /// When to look again, though nothing may arrive until then.
    pub(super) fn due(&self) -> Option<Instant> {
        let room = (!self.backlog.is_empty()).then(|| Instant::now() + LOOKS_AGAIN);
        self.resends.due().into_iter().chain(room).min()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Enqueued {
    Taken,
    NoRoom,
}
