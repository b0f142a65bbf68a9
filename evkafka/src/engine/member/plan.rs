//! When what happens while lanes are brought to an end.

use std::time::{Duration, Instant};

use crate::engine::deadline::after;

/// How long a poll waits when nothing is going on; also how soon the app is heard.
pub(super) const POLL: Duration = Duration::from_millis(100);

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
    /// Handlers have `grace`, then a fifth of it (at least 100 ms) to finish once they were told.
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

    /// The same for partitions that are revoked while the member leaves: their commit is answered when the last one is.
    pub(super) fn until_leaving(self) -> Self {
        Self { end_at: self.leave_at(), ..self }
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
    fn of_two_plans_whichever_is_ahead_counts_in_each_step() {
        let now = Instant::now();
        let shutdown = DrainPlan::for_shutdown(now, Duration::from_secs(10));
        let revocation = DrainPlan::for_revoke(now, Duration::from_secs(60));
        assert_eq!(shutdown.earlier(DrainPlan::for_loss(now)), DrainPlan::for_loss(now));
        assert_eq!(shutdown.earlier(revocation), shutdown);
    }
}
