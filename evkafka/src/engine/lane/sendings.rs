//! The events that handlers have returned, until they are acknowledged. Their records are not settled before; other records are handled
//! meanwhile.

use std::{sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use rustc_hash::FxHashMap;
use tokio::{sync::Notify, time::Instant};

pub(super) use super::sent::{Arrival, Sent};
use super::{
    outbox::{Outbox, Records},
    resends::OrderKey,
    sent::Sending,
    window::Window,
};
use crate::{
    engine::schedule::Job,
    event::Outgoing,
    native::{Answer, Delivery, Ticket},
    send::{Again, Extras, Outlets, OwnHeader, Place, RecordForm, Refused, SendError},
    traces::SendSpans,
};

/// How long the end of a lane waits for what handlers have enqueued. Brokers that work answer sooner, and the app waits for the rest.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Sendings {
    outbox: Outbox,
    calls: Calls,
    last: u64,
    /// How many events are not acknowledged yet.
    events: usize,
    window: Window,
    /// Of the events of calls that are not closed, and of their records.
    bytes: u64,
    most_bytes: u64,
    /// Until when the lane's end waits for what was enqueued.
    flush_until: Option<Instant>,
}

/// Those whose events are not all acknowledged yet.
struct Calls {
    outlets: Arc<Outlets>,
    open: FxHashMap<u64, Sending>,
}

impl Sendings {
    /// Wakes `look` when there is something to [take](Self::next). At most so many bytes may be on their way.
    pub(super) fn new(outlets: Arc<Outlets>, look: Arc<Notify>, most_bytes: u64) -> Self {
        Self {
            outbox: Outbox::new(look),
            calls: Calls { outlets, open: FxHashMap::default() },
            last: 0,
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
        let outlets = &self.calls.outlets;
        let (number, mut events, mut forwards) = (self.last, 0, None);
        for (event, encoded) in outgoing.iter() {
            let place = outlets.place(&encoded);
            if forwards.is_none() {
                let form = outlets.at(place).map(|destination| &destination.outlet.form);
                forwards = form.filter(|form| form.forwards());
            }
            self.outbox.add(Ticket { sending: number, event, destination: place.number() });
            events += 1;
        }
        let headers = forwards.map_or_else(Vec::new, |form| forwarded(&of.job, form));
        let extras = Extras { headers, stamp: outlets.stamp(), ..Extras::default() };
        self.events += events;
        self.window.sent(self.events);
        let spans = SendSpans::begin(&outgoing, |event| outlets.at(outlets.place(event)));
        let sending = Sending::new(of, outgoing, extras, spans, events);
        self.bytes += sending.bytes();
        self.calls.open.insert(number, sending);
        self.outbox.send(&self.calls);
    }

    /// The events of a call that are all acknowledged, or of which one is refused, if there are any.
    pub(super) fn next(&mut self) -> Option<Arrival> {
        // Also if nothing is waited for: an inbox that answers stay in is not empty, and would wake nobody.
        while let Some((ticket, delivery)) = self.outbox.next_answer(&self.calls) {
            let arrival = self.hear(ticket, delivery);
            self.outbox.hear(delivery);
            if arrival.is_some() {
                return arrival;
            }
        }
        None
    }

    fn hear(&mut self, ticket: Ticket, delivery: Delivery) -> Option<Arrival> {
        if delivery.is_ok()
            && let Some(destination) = self.calls.outlets.at(Place::from_number(ticket.destination))
        {
            destination.counted.count(true);
        }
        // One whose sending was refused already may be unknown.
        let sending = self.calls.open.get_mut(&ticket.sending)?;
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
        let sending = self.calls.open.get_mut(&ticket.sending)?;
        let event = sending.outgoing.get(ticket.event)?;
        let again = sending.again.entry(ticket.event).or_default();
        let destination = self.calls.outlets.at(Place::from_number(ticket.destination));
        let then = match destination {
            Some(destination) => destination.after(&event, &sending.extras, again, code),
            None => Err(Refused { code, advice: "add a producer for it to the app".to_owned() }),
        };
        match then {
            Ok(then) => {
                self.outbox.add_again(&self.calls, ticket, then.at(Instant::now()));
                None
            }
            Err(refused) => {
                if let Some(destination) = destination {
                    destination.counted.count(false);
                }
                let topic = destination.and_then(|destination| destination.topic(&sending.extras).ok());
                let error = SendError::refused(event.name.as_str(), topic, refused);
                sending.spans.failed(ticket.event, &error);
                Some(error)
            }
        }
    }

    fn close(&mut self, number: u64) -> Option<Sent> {
        let sending = self.calls.open.remove(&number)?;
        self.events -= sending.unacknowledged;
        self.bytes -= sending.bytes();
        if sending.unacknowledged > 0 {
            self.outbox.forget(number);
        }
        Some(sending.of)
    }

    /// Waits for none of them any more.
    pub(super) fn abandon(&mut self) -> Vec<Sent> {
        self.outbox.clear();
        (self.events, self.bytes) = (0, 0);
        self.calls.open.drain().map(|(_, sending)| sending.of).collect()
    }

    /// Whether nothing is on its way that handlers have enqueued, or it was waited for as long as it may be: it is the whole app's, and other
    /// lanes may go on enqueueing.
    pub(super) fn are_flushed(&mut self) -> bool {
        if self.calls.outlets.are_flushed() {
            return true;
        }
        let now = Instant::now();
        now >= *self.flush_until.get_or_insert(now + FLUSH_TIMEOUT)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.open.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.outbox.has_room() && self.window.has_room(self.events) && self.bytes < self.most_bytes
    }

    /// When to look again, though nothing may arrive until then.
    pub(super) fn due(&self) -> Option<Instant> {
        self.outbox.due()
    }
}

impl Records for Calls {
    fn order_key(&self, ticket: Ticket) -> Option<OrderKey> {
        let sending = self.open.get(&ticket.sending)?;
        let event = sending.outgoing.get(ticket.event)?;
        let destination = self.outlets.at(Place::from_number(ticket.destination));
        let topic = destination.and_then(|destination| destination.topic(&sending.extras).ok());
        Some(OrderKey::new(topic, event.key))
    }

    fn enqueue(&self, ticket: Ticket, answer: Answer) -> Result<(), RDKafkaErrorCode> {
        let Some(sending) = self.open.get(&ticket.sending) else { return Ok(()) };
        let Sending { outgoing, extras, spans, again, .. } = sending;
        let Some(event) = outgoing.get(ticket.event) else { return Ok(()) };
        // The start has refused events without one.
        let destination = self.outlets.at(Place::from_number(ticket.destination));
        let destination = destination.ok_or(RDKafkaErrorCode::InvalidTopic)?;
        let plain;
        let extras = if destination.outlet.form.forwards() || extras.headers.is_empty() {
            extras
        } else {
            // They were forwarded for the call's other events.
            plain = Extras { stamp: extras.stamp, ..Extras::default() };
            &plain
        };
        let unsent = Again::default();
        let so_far = again.get(&ticket.event).unwrap_or(&unsent);
        let enqueued = destination.enqueue(&event, extras, spans.headers(ticket.event), so_far, answer);
        if enqueued == Err(RDKafkaErrorCode::QueueFull) {
            // Logged.
            let _ = destination.after(&event, extras, &mut Again::default(), RDKafkaErrorCode::QueueFull);
        }
        enqueued
    }
}
