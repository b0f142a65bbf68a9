use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::{Notify, oneshot};

/// The partition and offset that a record was written to.
pub(crate) type Delivery = Result<(i32, i64), RDKafkaErrorCode>;

/// Who is told what became of a record.
pub(crate) enum Answer {
    /// Somebody who waits for this record.
    One(oneshot::Sender<Delivery>),
    /// Nobody; a failure is reported.
    Nobody(Arc<dyn Unawaited>, &'static str),
    /// Somebody who has many records under way, among which this is the one with this ticket.
    Inbox(Arc<Inbox>, Ticket),
}

/// Hears of records that nobody waits for.
pub(crate) trait Unawaited: Send + Sync {
    fn answered(&self, what: &'static str, delivery: Delivery);
}

/// What a record is called by whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) sending: u64,
    pub(crate) event: u32,
}

impl Answer {
    pub(crate) fn tell(self, delivery: Delivery) {
        match self {
            // Nobody may wait for it any more.
            Self::One(sender) => drop(sender.send(delivery)),
            Self::Nobody(unawaited, what) => unawaited.answered(what, delivery),
            Self::Inbox(inbox, ticket) => inbox.put(ticket, delivery),
        }
    }
}

/// Where the deliveries of many records arrive. It spares an allocation and a waker for each.
#[derive(Debug)]
pub(crate) struct Inbox {
    deliveries: Mutex<Vec<(Ticket, Delivery)>>,
    /// Notified when the first delivery arrives in an empty inbox.
    look: Arc<Notify>,
}

impl Inbox {
    pub(crate) fn new(look: Arc<Notify>) -> Self {
        Self { deliveries: Mutex::default(), look }
    }

    pub(crate) fn put(&self, ticket: Ticket, delivery: Delivery) {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.push((ticket, delivery));
        let is_first = deliveries.len() == 1;
        drop(deliveries);
        if is_first {
            self.look.notify_one();
        }
    }

    /// Swaps what has arrived for `empty`, whose allocation is used again.
    pub(crate) fn take(&self, empty: &mut Vec<(Ticket, Delivery)>) {
        debug_assert!(empty.is_empty());
        std::mem::swap(&mut *self.deliveries.lock().unwrap_or_else(PoisonError::into_inner), empty);
    }
}
