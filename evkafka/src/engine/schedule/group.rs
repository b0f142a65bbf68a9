use tokio::time::Instant;

use crate::{engine::deadline::after, handle::BatchSpec};

/// Records of one batch handler, collected for one call.
#[derive(Debug)]
pub(super) struct Group<T> {
    pub(super) handler: usize,
    pub(super) items: Vec<T>,
    max: usize,
    /// Of the records' keys, payloads and headers.
    bytes: u64,
    most_bytes: u64,
    /// When its first record has waited long enough.
    pub(super) due: Instant,
}

impl<T> Group<T> {
    /// Collected in `items`, which are empty: the memory of another.
    pub(super) fn new(items: Vec<T>, handler: usize, spec: BatchSpec, most_bytes: u64, now: Instant) -> Self {
        let due = after(now.into_std(), spec.within).into();
        Self { handler, items, max: spec.max, bytes: 0, most_bytes, due }
    }

    /// Adds an item of so many bytes.
    pub(super) fn push(&mut self, item: T, bytes: u64) {
        self.items.push(item);
        self.bytes += bytes;
    }

    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.max || self.bytes >= self.most_bytes
    }

    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.is_full() || now >= self.due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::handle::HandlerSpec;

    #[test]
    fn a_group_is_ready_when_it_is_full_or_has_waited() {
        let spec = HandlerSpec::new("", &[], "").batch(2, 50).batch.unwrap();
        let now = Instant::now();
        let mut group = Group::new(Vec::new(), 0, spec, 1000, now);
        group.push((), 10);
        assert!(!group.is_ready(now));
        assert!(group.is_ready(now + Duration::from_millis(50)));
        group.push((), 10);
        assert!(group.is_ready(now));
    }

    #[test]
    fn a_group_is_full_when_its_records_fill_the_memory() {
        let spec = HandlerSpec::new("", &[], "").batch(1000, 50).batch.unwrap();
        let mut group = Group::new(Vec::new(), 0, spec, 1000, Instant::now());
        group.push((), 999);
        assert!(!group.is_full());
        group.push((), 1);
        assert!(group.is_full());
    }
}
