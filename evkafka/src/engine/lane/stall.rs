//! When to say that a limit holds a partition up.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::schedule::Limit;

/// For so long, hardly anything must have been settled at a limit before it is worth a warning: twice the default commit interval,
/// so that the committed offset is seen to stand still too.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where all that may run does. Handlers may take their time, and few take longer than this.
const PATIENCE_IN_FLIGHT: Duration = Duration::from_secs(60);

impl Limit {
    /// The setting, and for what it is too small.
    pub(in crate::engine) fn name(self) -> &'static str {
        match self {
            Self::Memory => "prefetch_memory_mib: unsettled records fill the partition's share of the memory",
            Self::InFlight => "in_flight: the maximum number of handlers is running",
            Self::Threads => "plain functions: the maximum number of records is waiting for a thread",
            Self::Persisted => "persist_progress: the commit's metadata has no room for more settled offsets",
            Self::CommittedAhead => {
                "in_flight: the maximum number of records is committed and not handled yet"
            }
            Self::DeadLetters => "dead letters: the maximum number is not acknowledged yet",
            Self::Events => {
                "returned events: the maximum number is not acknowledged yet, or their producer's queue is full"
            }
        }
    }

    fn patience(self) -> Duration {
        match self {
            Self::InFlight | Self::Threads => PATIENCE_IN_FLIGHT,
            Self::Memory | Self::Persisted | Self::CommittedAhead | Self::DeadLetters | Self::Events => {
                PATIENCE
            }
        }
    }
}

/// A lane at a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtLimit {
    pub(super) limit: Limit,
    /// How many of its records are unsettled.
    pub(super) unsettled: usize,
    /// How many have been settled since the epoch began.
    pub(super) settled: u64,
}

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The partition has been held up for so long.
    HeldUp(Limit, Duration),
    /// It is no longer; it was for so long.
    GoesOn(Duration),
}

/// Decides when a limit is worth a warning: when it has held a partition up for a while, and then each time that has doubled.
///
/// A partition at a limit is not held up while its records flow: under load, it always is at some limit.
#[derive(Debug, Default)]
pub(super) struct Stall(Option<Standing>);

#[derive(Debug)]
struct Standing {
    since: Instant,
    at: AtLimit,
    /// When to say it next.
    next: Instant,
    is_said: bool,
}

impl Stall {
    /// Looks at the lane when it has taken all that it may: `at` which limit it stands, unless there is nothing more to take.
    pub(super) fn look(&mut self, at: Option<AtLimit>, now: Instant) -> Option<Notice> {
        let Some(at) = at else { return self.end(now) };
        match &mut self.0 {
            Some(standing) if !standing.flows(at) => standing.look(at, now),
            _ => {
                let over = self.end(now);
                self.0 = Some(Standing { since: now, at, next: now + at.limit.patience(), is_said: false });
                over
            }
        }
    }

    /// When to look again, though nothing may happen until then.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.as_ref().map(|standing| standing.next)
    }

    fn end(&mut self, now: Instant) -> Option<Notice> {
        self.0
            .take()
            .filter(|standing| standing.is_said)
            .map(|standing| Notice::GoesOn(now.duration_since(standing.since)))
    }
}

impl Standing {
    /// Whether as much has been settled since then as is unsettled now; where all handlers run, anything at all.
    fn flows(&self, at: AtLimit) -> bool {
        let enough = match at.limit {
            Limit::InFlight | Limit::Threads => 1,
            Limit::Memory | Limit::Persisted | Limit::CommittedAhead | Limit::DeadLetters | Limit::Events => {
                at.unsettled.max(1) as u64
            }
        };
        // Another epoch counts anew.
        at.settled.checked_sub(self.at.settled).is_none_or(|settled| settled >= enough)
    }

    fn look(&mut self, at: AtLimit, now: Instant) -> Option<Notice> {
        if self.at.limit != at.limit && !self.is_said {
            self.next = self.since + at.limit.patience();
        }
        self.at.limit = at.limit;
        if now < self.next {
            return None;
        }
        let lasted = now.duration_since(self.since);
        self.next = now + lasted;
        self.is_said = true;
        Some(Notice::HeldUp(at.limit, lasted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(limit: Limit, unsettled: usize, settled: u64) -> Option<AtLimit> {
        Some(AtLimit { limit, unsettled, settled })
    }

    /// Looks each second, from second 1 on; what was said in which second.
    fn said(look: impl Fn(u32) -> Option<AtLimit>, seconds: u32) -> Vec<(u32, Notice)> {
        let (mut stall, start) = (Stall::default(), Instant::now());
        (0..=seconds).filter_map(|s| Some((s, stall.look(look(s), start + SECOND * s)?))).collect()
    }

    #[test]
    fn it_is_said_once_it_has_lasted_then_each_time_that_has_doubled_and_when_it_is_over() {
        let held_up = |s| (s, Notice::HeldUp(Limit::Memory, SECOND * s));
        let said = said(|s| if s < 100 { at(Limit::Memory, 500, 7) } else { None }, 200);
        assert_eq!(
            said,
            [held_up(10), held_up(20), held_up(40), held_up(80), (100, Notice::GoesOn(SECOND * 100))]
        );
    }

    #[test]
    fn nothing_is_said_of_what_is_soon_over() {
        assert_eq!(said(|s| if s % 10 == 9 { None } else { at(Limit::Memory, 500, 7) }, 100), []);
    }

    #[test]
    fn a_partition_that_is_always_at_a_limit_but_flows_is_not_held_up() {
        assert_eq!(said(|s| at(Limit::Memory, 50, u64::from(s) * 10), 100), []);
        assert_eq!(said(|s| at(Limit::InFlight, 5000, u64::from(s) / 50), 300), []);
    }

    #[test]
    fn a_partition_of_which_only_one_key_goes_on_is_held_up() {
        let said = said(|s| at(Limit::Memory, 3000, u64::from(s)), 15);
        assert_eq!(said, [(10, Notice::HeldUp(Limit::Memory, SECOND * 10))]);
    }

    #[test]
    fn handlers_may_take_longer_than_what_waits() {
        let limit = |s| if s < 5 { Limit::InFlight } else { Limit::Memory };
        assert_eq!(said(|s| at(limit(s), 300, 0), 15)[0].0, 10);
        assert_eq!(said(|_| at(Limit::InFlight, 300, 0), 61)[0].0, 60);
    }

    #[test]
    fn it_is_over_when_records_flow_again() {
        let said = said(|s| at(Limit::Memory, 50, if s < 15 { 0 } else { u64::from(s) * 50 }), 40);
        assert_eq!(said.len(), 2);
        assert_eq!(said[1], (15, Notice::GoesOn(SECOND * 15)));
    }
}
