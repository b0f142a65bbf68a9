/// What librdkafka's position in a partition says of the records that were taken from its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing, while a seek has not taken effect, or before what an earlier owner of the queue has taken is forgotten.
    Doubtful,
    /// There is none, as nothing was taken.
    Unset,
    /// It is behind what was taken last.
    Known,
    /// There is none any more: librdkafka has gone elsewhere by itself, and has dropped what it had fetched.
    Moved,
}

impl Standing {
    /// Before records are taken that follow those below `next`.
    pub(super) fn at(self, position: Option<i64>, next: Option<i64>) -> Self {
        match (self, position) {
            (Self::Doubtful, None) => Self::Unset,
            (Self::Doubtful, position) if position == next => Self::Known,
            (Self::Unset, Some(_)) => Self::Known,
            (Self::Known, None) => Self::Moved,
            (standing, _) => standing,
        }
    }

    /// After so many entries were taken.
    pub(super) fn after(self, taken: usize) -> Self {
        match self {
            Self::Unset | Self::Moved if taken > 0 => Self::Known,
            standing => standing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_that_is_gone_without_a_seek_was_moved() {
        let begun = Standing::Doubtful.at(None, Some(7));
        assert_eq!(begun, Standing::Unset);
        assert_eq!(begun.after(0).at(None, Some(7)), Standing::Unset);
        let known = begun.after(3);
        assert_eq!(known.at(Some(10), Some(10)), Standing::Known);
        let moved = known.at(None, Some(10));
        assert_eq!(moved, Standing::Moved);
        assert_eq!(moved.after(0).at(Some(20), Some(10)), Standing::Moved);
        assert_eq!(moved.after(1), Standing::Known);
    }

    #[test]
    fn a_position_is_doubtful_until_the_seek_has_taken_effect() {
        assert_eq!(Standing::Doubtful.at(Some(20), Some(7)), Standing::Doubtful);
        assert_eq!(Standing::Doubtful.at(Some(7), Some(7)), Standing::Known);
        assert_eq!(Standing::Doubtful.after(1), Standing::Doubtful);
    }

    #[test]
    fn control_records_alone_give_a_position() {
        assert_eq!(Standing::Unset.after(0).at(Some(9), Some(7)), Standing::Known);
    }
}
