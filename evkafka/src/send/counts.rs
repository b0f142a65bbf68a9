use std::{
    collections::BTreeMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::metrics::SentMetrics;

/// What became of the events of a producer, by their names.
#[derive(Debug, Default)]
pub(super) struct SentCounts(RwLock<BTreeMap<&'static str, SentCount>>);

#[derive(Debug, Default)]
struct SentCount {
    sent: AtomicU64,
    failed: AtomicU64,
}

impl SentCounts {
    /// Events of this name are counted. Others are not: nobody has registered them.
    pub(super) fn register(&self, event: &'static str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(event).or_default();
    }

    /// An event is acknowledged, or refused for good.
    pub(super) fn count(&self, event: &str, is_sent: bool) {
        if let Some(count) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(event) {
            let count = if is_sent { &count.sent } else { &count.failed };
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn read(&self) -> Vec<SentMetrics> {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let read = |(event, count): (&&'static str, &SentCount)| SentMetrics {
            event: (*event).into(),
            sent: count.sent.load(Relaxed),
            failed: count.failed.load(Relaxed),
        };
        counts.iter().map(read).collect()
    }
}
