use std::ops::Range;

/// The offsets of a partition's records as they come: finds out that they go back, or leave some out.
///
/// They go back when the topic is deleted and recreated, when a leader is elected that does not have the last records, and when the
/// log is cut off in front of the reader: librdkafka then goes on where `auto.offset.reset` says. They leave some out where
/// records were compacted or deleted, and where a transaction was aborted or has ended.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// One more than the last offset.
    next: i64,
}

/// Any offset may be the first.
const ANY: i64 = i64::MIN;

impl Default for Sequence {
    fn default() -> Self {
        Self { next: ANY }
    }
}

/// What was met in a row of offsets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) goes_back: bool,
    /// The first offsets that were left out.
    pub(crate) gap: Option<Range<i64>>,
    /// Whether something among them is not a record.
    pub(crate) has_errors: bool,
}

impl Sequence {
    /// The next offset is to be at least `next`.
    pub(crate) fn begin_at(&mut self, next: i64) {
        self.next = next;
    }

    /// The least offset that may come next, if it is known.
    pub(crate) fn next(&self) -> Option<i64> {
        (self.next != ANY).then_some(self.next)
    }

    /// Follows the offsets wherever they go.
    pub(crate) fn follow(&mut self, offsets: impl Iterator<Item = Option<i64>>) -> Course {
        let mut course = Course::default();
        for offset in offsets {
            let Some(offset) = offset else {
                course.has_errors = true;
                continue;
            };
            if offset < self.next {
                course.goes_back = true;
            } else if offset > self.next && self.next != ANY && course.gap.is_none() {
                course.gap = Some(self.next..offset);
            }
            self.next = offset + 1;
        }
        course
    }

    /// How many of the entries that come next, whose offsets these are, follow those before them, up to and with the first that is
    /// not a record and so has no offset. The others come after an error, or after the offsets have gone back.
    #[inline]
    pub(crate) fn take(&mut self, offsets: impl Iterator<Item = Option<i64>>) -> usize {
        let mut taken = 0;
        for offset in offsets {
            let Some(offset) = offset else { return taken + 1 };
            if offset < self.next {
                break;
            }
            self.next = offset + 1;
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
    fn gaps_are_no_step_back_and_an_error_is_the_last_that_is_taken() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.take([Some(3), None, Some(7)].into_iter()), 2);
        assert_eq!(sequence.take([Some(7), Some(9), Some(8), Some(10)].into_iter()), 2);
        assert_eq!(sequence.take([Some(7)].into_iter()), 0);
        sequence.begin_at(7);
        assert_eq!(sequence.take([Some(7)].into_iter()), 1);
        assert_eq!(sequence.next(), Some(8));
    }

    #[test]
    fn says_what_was_met() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.follow([Some(8), Some(9)].into_iter()), Course::default());
        let course = sequence.follow([Some(10), None, Some(20), Some(30)].into_iter());
        assert_eq!(course, Course { goes_back: false, gap: Some(11..20), has_errors: true });
        let course = sequence.follow([Some(31), Some(3), Some(4)].into_iter());
        assert_eq!(course, Course { goes_back: true, gap: None, has_errors: false });
        assert_eq!(sequence.follow([Some(5)].into_iter()), Course::default());
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
