/// The offsets of a partition's records as they come: finds out that they go back.
///
/// They do when the topic is deleted and made anew, when a leader is elected that does not have the last records, and when the
/// log is cut off in front of the reader: librdkafka then goes on where `auto.offset.reset` says.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// One more than the last offset.
    next: i64,
}

impl Sequence {
    /// The next offset is to be at least `next`.
    pub(crate) fn begin_at(&mut self, next: i64) {
        self.next = next;
    }

    /// Whether offsets go back, somewhere in these.
    pub(crate) fn goes_back_in(&mut self, offsets: impl Iterator<Item = Option<i64>>) -> bool {
        let mut goes_back = false;
        for offset in offsets.flatten() {
            goes_back |= offset < self.next;
            self.next = offset + 1;
        }
        goes_back
    }

    /// How many of the records that come next, whose offsets these are, follow those before them; what is not a record has no
    /// offset. The others come after the offsets have gone back.
    #[inline]
    pub(crate) fn take(&mut self, offsets: impl Iterator<Item = Option<i64>>) -> usize {
        let mut taken = 0;
        for offset in offsets {
            if let Some(offset) = offset {
                if offset < self.next {
                    break;
                }
                self.next = offset + 1;
            }
            taken += 1;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gaps_and_what_is_not_a_record_are_no_step_back() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.take([Some(3), None, Some(7)].into_iter()), 3);
        assert_eq!(sequence.take([None, Some(8), Some(7), Some(9)].into_iter()), 2);
        assert_eq!(sequence.take([Some(7)].into_iter()), 0);
        sequence.begin_at(7);
        assert_eq!(sequence.take([Some(7)].into_iter()), 1);
        assert!(!sequence.goes_back_in([Some(8), None, Some(20)].into_iter()));
        assert!(sequence.goes_back_in([Some(21), Some(3), Some(4)].into_iter()));
        assert!(!sequence.goes_back_in([Some(5)].into_iter()));
    }

    proptest! {
        /// However the offsets are split into batches, they are cut where they go back and nowhere else.
        #[test]
        fn cuts_where_offsets_go_back(offsets in prop::collection::vec(0..50_i64, 0..40), most in 1..8_usize) {
            let mut sequence = Sequence::default();
            let (mut at, mut cuts) = (0, Vec::new());
            while at < offsets.len() {
                let rest = offsets[at..].iter().copied().map(Some).take(most);
                let wanted = rest.len();
                let taken = sequence.take(rest);
                at += taken;
                if taken < wanted {
                    cuts.push(at);
                    sequence.begin_at(offsets[at]);
                }
            }
            let back: Vec<_> = (1..offsets.len()).filter(|&i| offsets[i] <= offsets[i - 1]).collect();
            prop_assert_eq!(cuts, back);
        }
    }
}
