use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// How many records of a lane wait for their next attempt. They hold up nothing but their own keys, so others may begin meanwhile.
#[derive(Debug, Default)]
pub(in crate::engine) struct BackingOff(AtomicUsize);

/// Some records wait until it is dropped.
pub(in crate::engine) struct Waits<'b> {
    backing_off: &'b BackingOff,
    records: usize,
}

impl BackingOff {
    /// So many records wait, until what is returned is dropped. The lane, which may take others, is woken by `lane`.
    pub(in crate::engine) fn begin(&self, records: usize, lane: &Arc<Notify>) -> Waits<'_> {
        self.0.fetch_add(records, Ordering::Relaxed);
        lane.notify_one();
        Waits { backing_off: self, records }
    }

    pub(in crate::engine) fn records(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.backing_off.0.fetch_sub(self.records, Ordering::Relaxed);
    }
}
