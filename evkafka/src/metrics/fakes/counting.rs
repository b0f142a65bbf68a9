use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use super::Nothing;
use crate::metrics::{Consumer, ConsumerMetrics, Metrics, Sources, text::tests::snapshot};

/// A consumer that counts what a test says.
pub(in crate::metrics) struct Counting {
    metrics: Mutex<ConsumerMetrics>,
    asked: AtomicUsize,
}

impl Counting {
    /// The only consumer of an app, with what [`snapshot`] has of it, and the app's numbers.
    pub(in crate::metrics) fn of_app() -> (Arc<Self>, Metrics) {
        let metrics = Mutex::new(snapshot().consumers.remove(0));
        let consumer = Arc::new(Self { metrics, asked: AtomicUsize::new(0) });
        let metrics = Metrics::default();
        metrics.begin(Sources::new([Arc::clone(&consumer)], None::<Arc<Nothing>>));
        (consumer, metrics)
    }

    pub(in crate::metrics) fn change(&self, change: impl FnOnce(&mut ConsumerMetrics)) {
        change(&mut self.metrics.lock().expect("no panic"));
    }

    /// How often it was asked.
    #[cfg(feature = "otel")]
    pub(in crate::metrics) fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

impl Consumer for Counting {
    fn metrics(&self) -> ConsumerMetrics {
        self.asked.fetch_add(1, SeqCst);
        self.metrics.lock().expect("no panic").clone()
    }
}
