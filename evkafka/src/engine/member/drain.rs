use std::time::{Duration, Instant};

use super::session::POLL;
use crate::engine::lane::LaneControl;

/// How lanes are brought to an end: first they take no more records, then their handlers are told (the cancellation
/// token), then they are dropped where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DrainPlan {
    /// When handlers are told.
    pub(crate) cancel_at: Instant,
    /// When handlers are dropped.
    pub(crate) drop_at: Instant,
    /// When lanes are waited for no longer, which a handler that blocks its thread may make necessary: what the others have
    /// settled is committed.
    pub(crate) commit_at: Instant,
    /// When whoever waits gives up.
    pub(crate) end_at: Instant,
}

impl DrainPlan {
    /// Handlers have `grace`, then a fifth of it (at least 100 ms) to come to an end once they were told.
    pub(crate) fn for_revoke(now: Instant, grace: Duration) -> Self {
        let cancel_at = after(now, grace);
        let drop_at = after(cancel_at, (grace / 5).max(Duration::from_millis(100)));
        let commit_at = after(drop_at, Duration::from_secs(1));
        Self { cancel_at, drop_at, commit_at, end_at: after(commit_at, Duration::from_secs(1)) }
    }

    /// How long it may take to give up partitions after they were asked for: all that [`Self::for_revoke`] grants, and the polls at
    /// which it is noticed that they are asked for, and that they can be given up.
    pub(crate) fn time_to_revoke(grace: Duration) -> Duration {
        let now = Instant::now();
        Self::for_revoke(now, grace).end_at - now + 2 * POLL
    }

    /// The partitions have another owner already: handlers are told at once.
    pub(crate) fn for_loss(now: Instant) -> Self {
        Self { drop_at: now + Duration::from_millis(100), ..Self::for_revoke(now, Duration::ZERO) }
    }

    /// All of it within `deadline`: handlers have 70 % of it, are dropped after 80 %, and waited for until 90 %; the rest is for
    /// the last commit and for leaving the group.
    pub(crate) fn for_shutdown(now: Instant, deadline: Duration) -> Self {
        Self {
            cancel_at: after(now, deadline.mul_f64(0.7)),
            drop_at: after(now, deadline.mul_f64(0.8)),
            commit_at: after(now, deadline.mul_f64(0.9)),
            end_at: after(now, deadline),
        }
    }

    /// When the last commit is waited for no longer, so that it can be told, and the group left, in time.
    pub(crate) fn leave_at(&self) -> Instant {
        self.commit_at + self.end_at.saturating_duration_since(self.commit_at) / 2
    }
}

impl DrainPlan {
    /// The same for partitions that are revoked while the member leaves: their commit is answered when the last one is.
    pub(super) fn until_leaving(self) -> Self {
        Self { end_at: self.leave_at(), ..self }
    }
}

/// A time so far off that it does not come: about as tokio has it.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The time after `wait`, which may be `Duration::MAX` for "as long as it takes".
pub(crate) fn after(now: Instant, wait: Duration) -> Instant {
    now + wait.min(NEVER)
}

/// How far a drain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Drained {
    /// Lanes are at work.
    NotYet,
    /// All of them have finished.
    All,
    /// The time is up for those that have not.
    OutOfTime,
}

impl DrainPlan {
    /// Tells the lanes what they are to know by `now`. Nobody has to wait in between: this is called again, as often as one likes,
    /// and several plans may be at work on one lane, of which it follows whichever is ahead.
    pub(in crate::engine) fn advance<'l>(
        &self,
        lanes: impl Iterator<Item = &'l LaneControl> + Clone,
        now: Instant,
    ) -> Drained {
        for lane in lanes.clone() {
            lane.stop();
            if now >= self.cancel_at {
                lane.cancel.cancel();
            }
            if now >= self.drop_at {
                lane.abort.cancel();
            }
        }
        match lanes.into_iter().all(LaneControl::is_finished) {
            true => Drained::All,
            false if now >= self.commit_at => Drained::OutOfTime,
            false => Drained::NotYet,
        }
    }

    /// Whichever is ahead of the other, in each of its steps.
    pub(super) fn earlier(self, other: Self) -> Self {
        Self {
            cancel_at: self.cancel_at.min(other.cancel_at),
            drop_at: self.drop_at.min(other.drop_at),
            commit_at: self.commit_at.min(other.commit_at),
            end_at: self.end_at.min(other.end_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_may_have_all_the_time_there_is() {
        let now = Instant::now();
        for plan in [DrainPlan::for_shutdown(now, Duration::MAX), DrainPlan::for_revoke(now, Duration::MAX)] {
            assert!(
                plan.cancel_at <= plan.drop_at
                    && plan.drop_at <= plan.commit_at
                    && plan.commit_at <= plan.end_at,
                "{plan:?}"
            );
            assert!(plan.cancel_at > now + Duration::from_secs(365 * 24 * 3600), "{plan:?}");
        }
    }

    #[test]
    fn the_last_commit_has_time_whatever_handlers_do() {
        let now = Instant::now();
        let plan = DrainPlan::for_shutdown(now, Duration::from_secs(10));
        assert_eq!(plan.end_at - plan.commit_at, Duration::from_secs(1));
        assert_eq!(plan.end_at - plan.leave_at(), Duration::from_millis(500));
    }

    #[test]
    fn lanes_are_told_by_whichever_plan_is_ahead() {
        let now = Instant::now();
        let (revocation, shutdown) = (
            DrainPlan::for_revoke(now, Duration::from_secs(60)),
            DrainPlan::for_shutdown(now, Duration::from_secs(10)),
        );
        let (revoked, other) = (LaneControl::default(), LaneControl::default());
        let both = || [&revoked, &other].into_iter();
        let told = |lane: &LaneControl| (lane.cancel.is_cancelled(), lane.abort.is_cancelled());
        assert_eq!(revocation.advance([&revoked].into_iter(), now), Drained::NotYet);
        assert!(revoked.is_stopping() && !other.is_stopping());
        assert_eq!(shutdown.advance(both(), now), Drained::NotYet);
        assert!(other.is_stopping());
        assert_eq!(told(&revoked), (false, false));
        let later = now + Duration::from_secs(7);
        assert_eq!(revocation.advance([&revoked].into_iter(), later), Drained::NotYet);
        assert_eq!(shutdown.advance(both(), later), Drained::NotYet);
        assert_eq!((told(&revoked), told(&other)), ((true, false), (true, false)));
        assert_eq!(shutdown.advance(both(), shutdown.commit_at), Drained::OutOfTime);
        assert_eq!((told(&revoked), told(&other)), ((true, true), (true, true)));
        let lost = shutdown.earlier(DrainPlan::for_loss(now));
        assert_eq!(lost, DrainPlan::for_loss(now));
        assert_eq!(shutdown.earlier(revocation), shutdown);
    }
}
