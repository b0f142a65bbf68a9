//! Whether a handler is polled where its lane is, or on another thread.

use std::time::{Duration, Instant};

/// Up to here a poll costs less than what it takes to have another thread do it: some microseconds, and the wake-up of that thread.
const CHEAP: Duration = Duration::from_micros(10);
/// One of so many polls is measured.
const SAMPLED: u32 = 16;
/// One of so many polls of a handler that is known to be dear is made, and measured, where the lane is: it may have become cheap.
const TRIED_AGAIN: u32 = 64;

/// What the first poll of a handler takes, learned from some of its polls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PollCost {
    is_known: bool,
    is_dear: bool,
    polls: u32,
}

/// How the next poll is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Here,
    /// And [measured](PollCost::measured).
    HereMeasured,
    /// As a task, which another thread may take.
    Elsewhere,
}

impl PollCost {
    #[inline]
    pub(super) fn next(&mut self) -> Next {
        self.polls = self.polls.wrapping_add(1);
        if self.is_dear {
            if self.polls.is_multiple_of(TRIED_AGAIN) { Next::HereMeasured } else { Next::Elsewhere }
        } else if !self.is_known || self.polls.is_multiple_of(SAMPLED) {
            Next::HereMeasured
        } else {
            Next::Here
        }
    }

    pub(super) fn measured(&mut self, begun: Instant) {
        self.took(begun.elapsed());
    }

    fn took(&mut self, poll: Duration) {
        (self.is_known, self.is_dear) = (true, poll > CHEAP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cheap_stays_here_and_what_is_dear_goes_elsewhere_until_it_is_cheap_again() {
        let mut cost = PollCost::default();
        assert_eq!(cost.next(), Next::HereMeasured);
        cost.took(Duration::from_micros(1));
        let here = (0..160).filter(|_| cost.next() == Next::Here).count();
        assert_eq!(here, 150);
        cost.took(Duration::from_micros(50));
        let elsewhere = (0..128).filter(|_| cost.next() == Next::Elsewhere).count();
        assert_eq!(elsewhere, 126);
        cost.took(Duration::from_micros(1));
        assert_ne!(cost.next(), Next::Elsewhere);
    }
}
