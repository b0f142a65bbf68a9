use tokio::time::Instant;

use crate::{engine::drain::after, handle::BatchSpec};

/// Records of one batch handler, collected for one call.
#[derive(Debug)]
pub(super) struct Group<T> {
    pub(super) handler: usize,
    pub(super) items: Vec<T>,
    max: usize,
    /// When its first record has waited long enough.
    pub(super) due: Instant,
}

impl<T> Group<T> {
    pub(super) fn new(handler: usize, spec: BatchSpec, now: Instant) -> Self {
        let due = after(now.into_std(), spec.within).into();
        Self { handler, items: Vec::with_capacity(spec.max.min(1024)), max: spec.max, due }
    }

    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.max
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
        let mut group = Group::new(0, spec, now);
        group.items.push(());
        assert!(!group.is_ready(now));
        assert!(group.is_ready(now + Duration::from_millis(50)));
        group.items.push(());
        assert!(group.is_ready(now));
    }
}
