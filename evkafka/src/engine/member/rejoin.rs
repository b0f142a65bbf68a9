//! When a member joins its group again although the group has not asked for it: because the client reads nothing of what is assigned.

use std::time::{Duration, Instant};

use crate::settle::Backoff;

/// Why the client does not read what is assigned, and never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It was not told what is committed, and does not ask again.
    NoOffset,
    /// It has rejected the assignment.
    Rejected,
}

/// Others of the group notice it.
const WAIT: Backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(30));

#[derive(Debug, Default)]
pub(super) struct Rejoin {
    due: Option<(Instant, Unread)>,
    /// How often there was one.
    times: u32,
}

impl Rejoin {
    /// The member is to rejoin, unless it is already.
    pub(super) fn demand(&mut self, why: Unread, now: Instant, random: f64) {
        if self.due.is_none() {
            self.times = self.times.saturating_add(1);
            self.due = Some((now + WAIT.wait(self.times, random), why));
        }
    }

    /// Why the member is to rejoin now, if it is.
    pub(super) fn is_due(&self, now: Instant) -> Option<Unread> {
        self.due.filter(|(at, _)| *at <= now).map(|(_, why)| why)
    }

    /// The member gives up all that it has, for whatever reason.
    pub(super) fn begun(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_whose_assignment_is_not_read_rejoins_once_and_later_each_time() {
        let (mut rejoin, now) = (Rejoin::default(), Instant::now());
        let hour = now + Duration::from_secs(3600);
        assert_eq!(rejoin.is_due(hour), None);
        rejoin.demand(Unread::Rejected, now, 0.5);
        rejoin.demand(Unread::NoOffset, hour, 0.5);
        let first = now + WAIT.wait(1, 0.5);
        assert_eq!(rejoin.is_due(now), None);
        assert_eq!(rejoin.is_due(first), Some(Unread::Rejected));
        rejoin.begun();
        assert_eq!(rejoin.is_due(hour), None);
        rejoin.demand(Unread::NoOffset, now, 0.5);
        assert_eq!(rejoin.is_due(first), None);
        assert_eq!(rejoin.is_due(now + WAIT.wait(2, 0.5)), Some(Unread::NoOffset));
    }
}
