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
            tracing::error!(target: "evkafka::producer", %producer, event, %error, times, "events that were enqueued were not acknowledged");
        }
        self.remove();
    }
}

impl fmt::Debug for Enqueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueued").field("on_their_way", &self.on_their_way).finish_non_exhaustive()
    }
}
