use std::sync::atomic::{AtomicUsize, Ordering};

/// How much metadata the brokers take with a commit, as far as is known: their setting `offset.metadata.max.bytes`, which they tell
/// nobody. Shared by all lanes of a consumer.
#[derive(Debug)]
pub(crate) struct MetadataLimit(AtomicUsize);

/// The brokers' default.
const DEFAULT: usize = 4096;
/// Less says nothing.
const LEAST: usize = 16;

impl Default for MetadataLimit {
    fn default() -> Self {
        Self(AtomicUsize::new(DEFAULT))
    }
}

impl MetadataLimit {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A commit with so many bytes was refused for its metadata: from now on there are half as many at most, or none. The new limit,
    /// if it is one.
    pub(crate) fn lower(&self, refused: usize) -> Option<usize> {
        let limit = if refused / 2 < LEAST { 0 } else { refused / 2 };
        (self.0.fetch_min(limit, Ordering::Relaxed) > limit).then_some(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_halved_by_each_refusal_until_there_is_none() {
        let limit = MetadataLimit::default();
        assert_eq!(limit.lower(3000), Some(1500));
        assert_eq!(limit.lower(3000), None, "another lane has met it before");
        assert_eq!(limit.lower(100), Some(50));
        assert_eq!(limit.lower(30), Some(0));
        assert_eq!((limit.lower(30), limit.bytes()), (None, 0));
    }
}
