use std::{sync::Arc, time::Duration};

use super::{Failure, FailureKind, FailurePolicy, LastStep};
use crate::handle::{Attempt, Outcome};

/// Judges attempts by a consumer's delivery mode and failure policy.
#[derive(Clone, Debug)]
pub(crate) enum Judge {
    /// At least once: the policy decides.
    PostCommit(FailurePolicy),
    /// At most once: the offset is committed already, so there is no second attempt. Of the policy, only the time limit
    /// holds.
    PreCommit(FailurePolicy),
}

/// What to do after an attempt.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The record was handled.
    Done,
    /// Its handler said that it does not concern this service.
    Skip,
    /// Try again after this time.
    Retry(Duration, Failure),
    /// Give the record up and go on: it is lost to this group.
    GiveUp(Failure),
    /// Send it to this topic and go on once it is there.
    DeadLetter(Arc<str>, Failure),
    /// Stop the app; the record stays unsettled.
    Stop(Failure),
}

impl Judge {
    /// Where records are sent that no further attempt is made at.
    pub(crate) fn dead_letter_topic(&self) -> Option<&Arc<str>> {
        match self {
            Self::PostCommit(policy) => policy.dead_letter_topic(),
            Self::PreCommit(_) => None,
        }
    }

    /// How long an attempt may take.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        match self {
            Self::PostCommit(policy) | Self::PreCommit(policy) => policy.time_limit(),
        }
    }

    /// What follows from attempt number `attempt` (1 for the first). `chance` gives the jitter's part, from 0 to 1.
    #[inline]
    pub(crate) fn judge(&self, attempt: u32, result: Attempt, chance: impl FnOnce() -> f64) -> Verdict {
        let (failure, wait) = match result {
            Attempt::Returned(Outcome::Done) => return Verdict::Done,
            Attempt::Returned(Outcome::Skip) => return Verdict::Skip,
            Attempt::Returned(Outcome::RetryAfter(wait)) => {
                (Failure::new(FailureKind::Postponed, format!("retry after {wait:?}")), Some(wait))
            }
            Attempt::Returned(Outcome::Reject(cause)) => (Failure::new(FailureKind::Rejected, cause), None),
            Attempt::Failed(cause) => (Failure::new(FailureKind::Error, cause), None),
            Attempt::Panicked(message) => (Failure::new(FailureKind::Panic, message), None),
            Attempt::TimedOut(limit) => {
                (Failure::new(FailureKind::Timeout, format!("not done after {limit:?}")), None)
            }
            Attempt::Undecodable(cause) => (Failure::new(FailureKind::Undecodable, cause), None),
            // Taken out of the batch and judged one by one before the batch is.
            Attempt::UndecodableAmong(causes) => {
                let cause = causes
                    .into_iter()
                    .next()
                    .map_or_else(|| "none of the records".into(), |(_, cause)| cause);
                (Failure::new(FailureKind::Undecodable, cause), None)
            }
        };
        let Self::PostCommit(policy) = self else { return Verdict::GiveUp(failure.printable()) };
        let is_final = match failure.kind() {
            FailureKind::Undecodable | FailureKind::Rejected => true,
            FailureKind::Error => policy.is_final(failure.cause()),
            FailureKind::Panic | FailureKind::Postponed | FailureKind::Timeout => false,
        };
        let failure = failure.printable();
        if !is_final && policy.allows_another(attempt) {
            let wait = wait.unwrap_or_else(|| policy.backoff.wait(attempt, chance()));
            return Verdict::Retry(wait.max(Duration::from_millis(1)), failure);
        }
        match &policy.last_step {
            LastStep::Stop => Verdict::Stop(failure),
            LastStep::Skip => Verdict::GiveUp(failure),
            LastStep::DeadLetter { topic } => Verdict::DeadLetter(Arc::clone(topic), failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attempt_of_every_kind() -> impl Strategy<Value = fn() -> Attempt> {
        prop_oneof![
            Just((|| Attempt::Returned(Outcome::Done)) as fn() -> Attempt),
            Just((|| Attempt::Returned(Outcome::Skip)) as fn() -> Attempt),
            Just((|| Attempt::Returned(Outcome::RetryAfter(Duration::ZERO))) as fn() -> Attempt),
            Just((|| Attempt::Returned(Outcome::Reject("no".into()))) as fn() -> Attempt),
            Just((|| Attempt::Failed("failed".into())) as fn() -> Attempt),
            Just((|| Attempt::Panicked("boom".into())) as fn() -> Attempt),
            Just((|| Attempt::TimedOut(Duration::from_secs(1))) as fn() -> Attempt),
            Just((|| Attempt::Undecodable("bad".into())) as fn() -> Attempt),
        ]
    }

    #[test]
    fn the_default_policy_tries_for_ever_and_stops_at_what_cannot_be_decoded() {
        let judge = Judge::PostCommit(FailurePolicy::default());
        assert!(matches!(
            judge.judge(u32::MAX, Attempt::Failed("down".into()), || 0.0),
            Verdict::Retry(wait, _) if wait == Duration::from_secs(30)
        ));
        assert!(matches!(judge.judge(1, Attempt::Undecodable("bad".into()), || 0.0), Verdict::Stop(_)));
        assert_eq!(judge.time_limit(), Some(Duration::from_secs(300)));
        let unlimited = FailurePolicy::new().attempt_timeout(Duration::MAX);
        assert_eq!(Judge::PostCommit(unlimited).time_limit(), None);
    }

    #[test]
    fn the_last_attempt_takes_the_last_step() {
        let judge = Judge::PostCommit(FailurePolicy::new().attempts(3).last_step(LastStep::Skip));
        assert!(matches!(judge.judge(2, Attempt::Failed("down".into()), || 0.0), Verdict::Retry(..)));
        assert!(matches!(judge.judge(3, Attempt::Failed("down".into()), || 0.0), Verdict::GiveUp(_)));
    }

    #[test]
    fn what_cannot_be_decoded_goes_straight_to_the_dead_letters() {
        let judge = Judge::PostCommit(FailurePolicy::new().dead_letter("orders.dead"));
        let verdict = judge.judge(1, Attempt::Undecodable("bad".into()), || 0.0);
        assert!(matches!(verdict, Verdict::DeadLetter(topic, _) if &*topic == "orders.dead"));
        assert!(matches!(judge.judge(9, Attempt::Failed("down".into()), || 0.0), Verdict::Retry(..)));
    }

    #[test]
    fn an_error_that_is_final_takes_the_last_step_at_once_and_others_do_not() {
        let policy = FailurePolicy::new().final_if(|error| error.is::<std::fmt::Error>());
        let judge = Judge::PostCommit(policy);
        assert!(matches!(
            judge.judge(1, Attempt::Failed(Box::new(std::fmt::Error)), || 0.0),
            Verdict::Stop(_)
        ));
        assert!(matches!(judge.judge(1, Attempt::Failed("other".into()), || 0.0), Verdict::Retry(..)));
    }

    #[test]
    fn a_predicate_that_panics_says_no() {
        let judge = Judge::PostCommit(FailurePolicy::new().final_if(|_| panic!("undecided")));
        assert!(matches!(judge.judge(1, Attempt::Failed("error".into()), || 0.0), Verdict::Retry(..)));
    }

    /// What `Display` may do at its worst.
    #[derive(Debug)]
    enum Unprintable {
        Panics,
        Refuses,
    }

    impl std::fmt::Display for Unprintable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Panics => panic!("no words"),
                Self::Refuses => Err(std::fmt::Error),
            }
        }
    }

    impl std::error::Error for Unprintable {}

    #[test]
    fn an_error_that_cannot_be_printed_is_judged_and_its_text_replaced() {
        let policy = FailurePolicy::new().final_if(|error| error.is::<Unprintable>());
        for (judge, kind) in [
            (Judge::PostCommit(policy.clone()), Unprintable::Panics),
            (Judge::PreCommit(policy.clone()), Unprintable::Panics),
            (Judge::PostCommit(policy), Unprintable::Refuses),
        ] {
            let (Verdict::Stop(failure) | Verdict::GiveUp(failure)) =
                judge.judge(1, Attempt::Failed(Box::new(kind)), || 0.0)
            else {
                panic!("the predicate sees the error itself");
            };
            assert_eq!(failure.kind(), FailureKind::Error);
            let text = failure.cause().to_string();
            assert!(text.starts_with("an error whose text could not be had"), "{text}");
        }
    }

    #[test]
    fn the_handlers_own_wait_goes_before_the_backoff() {
        let judge = Judge::PostCommit(FailurePolicy::default());
        let verdict = judge.judge(1, Attempt::Returned(Outcome::RetryAfter(Duration::from_secs(90))), || 0.0);
        assert!(matches!(verdict, Verdict::Retry(wait, _) if wait == Duration::from_secs(90)));
    }

    proptest! {
        #[test]
        fn pre_commit_never_tries_twice_and_never_stops(make in attempt_of_every_kind(), attempt: u32) {
            let verdict = Judge::PreCommit(FailurePolicy::new()).judge(attempt, make(), || 0.5);
            prop_assert!(matches!(verdict, Verdict::Done | Verdict::Skip | Verdict::GiveUp(_)));
        }

        #[test]
        fn post_commit_gives_nothing_up_unless_told_to(
            make in attempt_of_every_kind(), attempt: u32, attempts in proptest::option::of(0u32..10),
        ) {
            let mut policy = FailurePolicy::new();
            if let Some(attempts) = attempts { policy = policy.attempts(attempts); }
            let verdict = Judge::PostCommit(policy).judge(attempt, make(), || 0.5);
            prop_assert!(!matches!(verdict, Verdict::GiveUp(_)));
            if let Verdict::Retry(wait, _) = verdict { prop_assert!(!wait.is_zero()); }
        }
    }
}
