use std::sync::atomic::{AtomicI64, Ordering};

/// The offsets of a partition as they come in.
///
/// They only go up, unless the partition's log was cut back (an unclean election) or made anew (a topic that was deleted and
/// created again): librdkafka then goes on at an earlier offset by itself. What is committed is above it, so that what is read now
/// would count as committed before it is handled.
#[derive(Debug, Default)]
pub(in crate::engine) struct Sequence {
    /// Only the lane looks at it, one record after the other.
    next: AtomicI64,
}

impl Sequence {
    /// Takes the next record's offset.
    ///
    /// # Errors
    /// The least offset that could have come, if this one is below it.
    #[inline]
    pub(super) fn admit(&self, offset: i64) -> Result<(), i64> {
        let next = self.next.load(Ordering::Relaxed);
        if offset < next {
            return Err(next);
        }
        self.next.store(offset + 1, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_may_leave_gaps_and_do_not_go_back() {
        let sequence = Sequence::default();
        assert_eq!([7, 8, 20].map(|offset| sequence.admit(offset)), [Ok(()); 3]);
        assert_eq!(sequence.admit(20), Err(21));
        assert_eq!(sequence.admit(0), Err(21));
        assert_eq!(sequence.admit(21), Ok(()));
    }
}
