use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

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
    /// Where it goes, by a number of whoever sends it.
    pub(crate) destination: u32,
}

impl Ticket {
    /// By which those of one sender are in the order in which they were sent first.
    pub(crate) fn order(&self) -> (u64, u32) {
        (self.sending, self.event)
    }
}

impl Answer {
    /// Whether something that was sent before has failed, and whoever waits for this answer does not know yet: then its record would
    /// be written first.
    #[inline]
    pub(crate) fn has_unheard_failures(&self) -> bool {
        match self {
            Self::Inbox(inbox, _) => inbox.failures.load(Ordering::Acquire) > 0,
            Self::One(_) | Self::Nobody(..) => false,
        }
    }

    pub(crate) fn tell(self, delivery: Delivery) {
        match self {
            // Nobody may wait for it any more.
            Self::One(sender) => drop(sender.send(delivery)),
            Self::Nobody(unawaited, what) => unawaited.answered(what, delivery),
            Self::Inbox(inbox, ticket) => inbox.put(ticket, delivery),
        }
    }

    /// Tells each its delivery, and leaves none. Those that follow each other into one inbox take its lock once.
    pub(crate) fn tell_all(answers: &mut Vec<(Self, Delivery)>) {
        let mut answers = answers.drain(..).peekable();
        while let Some((answer, delivery)) = answers.next() {
            let Self::Inbox(inbox, ticket) = answer else {
                answer.tell(delivery);
                continue;
            };
            inbox.put_with(|arrived| {
                inbox.arrive(arrived, ticket, delivery);
                while let Some((Self::Inbox(other, ticket), delivery)) = answers.peek()
                    && Arc::ptr_eq(other, &inbox)
                {
                    inbox.arrive(arrived, *ticket, *delivery);
                    answers.next();
                }
            });
        }
    }
}

/// Where the deliveries of many records arrive. It spares an allocation and a waker for each.
#[derive(Debug)]
pub(crate) struct Inbox {
    deliveries: Mutex<Vec<(Ticket, Delivery)>>,
    /// Notified when the first delivery arrives in an empty inbox.
    look: Arc<Notify>,
    /// How many failures have arrived and were not [heard](Self::hear_failure).
    failures: AtomicUsize,
}

impl Inbox {
    pub(crate) fn new(look: Arc<Notify>) -> Self {
        Self { deliveries: Mutex::default(), look, failures: AtomicUsize::new(0) }
    }

    pub(crate) fn put(&self, ticket: Ticket, delivery: Delivery) {
        self.put_with(|arrived| self.arrive(arrived, ticket, delivery));
    }

    fn arrive(&self, arrived: &mut Vec<(Ticket, Delivery)>, ticket: Ticket, delivery: Delivery) {
        if delivery.is_err() {
            self.failures.fetch_add(1, Ordering::Release);
        }
        arrived.push((ticket, delivery));
    }

    /// A failure that was [taken](Self::take) is known now.
    pub(crate) fn hear_failure(&self) {
        self.failures.fetch_sub(1, Ordering::Release);
    }

    fn put_with(&self, put: impl FnOnce(&mut Vec<(Ticket, Delivery)>)) {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = deliveries.is_empty();
        put(&mut deliveries);
        drop(deliveries);
        if was_empty {
            self.look.notify_one();
        }
    }

    /// Swaps what has arrived for `empty`, whose allocation is used again.
    pub(crate) fn take(&self, empty: &mut Vec<(Ticket, Delivery)>) {
        debug_assert!(empty.is_empty());
        std::mem::swap(&mut *self.deliveries.lock().unwrap_or_else(PoisonError::into_inner), empty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_answers_at_a_time_arrive_in_their_order_where_they_belong() {
        let inboxes = [(); 2].map(|()| Arc::new(Inbox::new(Arc::default())));
        let (sender, mut receiver) = oneshot::channel();
        let to = |inbox: usize, event: u32| {
            let ticket = Ticket { sending: 7, event, destination: 0 };
            (Answer::Inbox(Arc::clone(&inboxes[inbox]), ticket), Ok((0, i64::from(event))))
        };
        let mut answers =
            vec![to(0, 0), to(0, 1), to(1, 2), (Answer::One(sender), Ok((3, 3))), to(1, 4), to(0, 5)];
        Answer::tell_all(&mut answers);
        assert!(answers.is_empty());
        assert_eq!(receiver.try_recv(), Ok(Ok((3, 3))));
        let arrived = inboxes.each_ref().map(|inbox| {
            let mut arrived = Vec::new();
            inbox.take(&mut arrived);
            arrived.iter().map(|(ticket, _)| ticket.event).collect::<Vec<_>>()
        });
        assert_eq!(arrived, [vec![0, 1, 5], vec![2, 4]]);
    }
}
