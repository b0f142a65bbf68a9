use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::metrics::SentMetrics;

/// What became of the events of a producer, by their names.
#[derive(Debug, Default)]
pub(super) struct SentCounts(RwLock<BTreeMap<&'static str, Arc<SentCount>>>);

/// What became of those of one name.
#[derive(Debug, Default)]
pub(crate) struct SentCount {
    sent: AtomicU64,
    failed: AtomicU64,
}

impl SentCount {
    /// An event is acknowledged, or refused for good.
    pub(crate) fn count(&self, is_sent: bool) {
        let count = if is_sent { &self.sent } else { &self.failed };
        count.fetch_add(1, Relaxed);
    }
}

impl SentCounts {
    /// Events of this name are counted from now on.
    pub(super) fn register(&self, event: &'static str) -> Arc<SentCount> {
        Arc::clone(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(event).or_default())
    }

    /// An event is acknowledged, or refused for good. Without an app, nobody has registered the events that a producer sends.
    pub(super) fn count(&self, event: &'static str, is_sent: bool) {
        if let Some(count) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(event) {
            return count.count(is_sent);
        }
        self.register(event).count(is_sent);
    }

    pub(super) fn read(&self) -> Vec<SentMetrics> {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let read = |(event, count): (&&'static str, &Arc<SentCount>)| SentMetrics {
            event: (*event).into(),
            sent: count.sent.load(Relaxed),
            failed: count.failed.load(Relaxed),
        };
        counts.iter().map(read).collect()
    }
}
