use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rdkafka::error::RDKafkaErrorCode;
use tokio::{sync::Notify, time::Instant};

use super::counts::SentCounts;
use crate::{
    client::Sparse,
    logged::logged,
    native::{Delivery, Unawaited},
};

/// Events of one producer that are on their way, and whose acknowledgement nobody waits for.
pub(super) struct Enqueued {
    producer: Arc<str>,
    on_their_way: AtomicUsize,
    /// Notified when there are none any more.
    flushed: Notify,
    failed: Sparse<RDKafkaErrorCode>,
    counts: Arc<SentCounts>,
}

impl Enqueued {
    pub(super) fn new(producer: Arc<str>, counts: Arc<SentCounts>) -> Self {
        let (on_their_way, flushed) = (AtomicUsize::new(0), Notify::new());
        Self { producer, on_their_way, flushed, failed: Sparse::new(), counts }
    }

    pub(super) fn add(&self) {
        self.on_their_way.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self) {
        // Whoever sees that it was the last has seen all that was answered before.
        if self.on_their_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.flushed.notify_waiters();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.on_their_way.load(Ordering::Acquire) == 0
    }

    pub(super) async fn flushed(&self) {
        loop {
            let flushed = self.flushed.notified();
            if self.is_empty() {
                return;
            }
            flushed.await;
        }
    }
}

impl Unawaited for Enqueued {
    fn answered(&self, event: &'static str, delivery: Delivery) {
        self.counts.count(event, delivery.is_ok());
        if let Err(error) = delivery
            && let Some(times) = self.failed.hear(error, Instant::now().into_std())
        {
            let producer = &self.producer;
            logged(
                || tracing::error!(target: "evkafka::producer", %producer, event, %error, times, "events that were enqueued were not acknowledged"),
            );
        }
        self.remove();
    }
}

impl fmt::Debug for Enqueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueued").field("on_their_way", &self.on_their_way).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        logged::Panics,
        native::{Answer, Inbox, Ticket},
    };

    #[test]
    fn a_subscriber_that_panics_loses_no_answer_and_holds_up_no_flush() {
        let enqueued = Arc::new(Enqueued::new("shop".into(), Arc::default()));
        enqueued.add();
        let inbox = Arc::new(Inbox::new(Arc::default()));
        let (waits, mut answered) = oneshot::channel();
        let ticket = Ticket { sending: 7, event: 0, destination: 0 };
        let refused = Err(RDKafkaErrorCode::TopicAuthorizationFailed);
        let mut answers = vec![
            (Answer::Nobody(Arc::clone(&enqueued) as Arc<dyn Unawaited>, "OrderPriced"), refused),
            (Answer::One(waits), refused),
            (Answer::Inbox(Arc::clone(&inbox), ticket), refused),
        ];
        let (subscriber, panics) = Panics::new();
        tracing::subscriber::with_default(subscriber, || Answer::tell_all(&mut answers));
        assert_eq!(panics.try_iter().count(), 1);
        assert_eq!(answered.try_recv(), Ok(refused));
        let mut arrived = Vec::new();
        inbox.take(&mut arrived);
        assert_eq!(arrived, [(ticket, refused)]);
        assert!(enqueued.is_empty());
    }
}
