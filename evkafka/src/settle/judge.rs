use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Failure, FailureKind, FailurePolicy, LastStep};
use crate::{
    handle::{Attempt, Outcome},
    send::SendError,
};

/// Judges attempts by a consumer's delivery mode and failure policy.
#[derive(Clone, Debug)]
pub(crate) enum Judge {
    /// At least once: the policy decides.
    PostCommit(FailurePolicy),
    /// At most once: the offset is committed already, so there is no second attempt. Of the policy, only the time limit
    /// holds.
    PreCommit(FailurePolicy),
}

/// How often a handler was called with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tries {
    /// The number of the attempt, which the policy may limit: 1 for the first.
    pub(crate) attempt: u32,
    /// How often the handler gave the record back, which is not counted as an attempt.
    released: u32,
}

impl Tries {
    pub(crate) const FIRST: Self = Self { attempt: 1, released: 0 };

    /// The next one, after this one ended in `failure`.
    pub(crate) fn next(self, failure: &Failure) -> Self {
        match failure.kind() {
            FailureKind::Released => Self { released: self.released.saturating_add(1), ..self },
            _ => Self { attempt: self.attempt.saturating_add(1), ..self },
        }
    }
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
    /// Its handler ended because it was cancelled: the record stays unsettled and comes again.
    Release(Failure),
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

    /// What follows from an attempt. `cancel` is the handler's token, which is looked at only if the attempt did not succeed;
    /// `chance` gives the jitter's part, from 0 to 1.
    #[inline]
    pub(crate) fn judge(
        &self,
        tries: Tries,
        result: Attempt,
        cancel: &CancellationToken,
        chance: impl FnOnce() -> f64,
    ) -> Verdict {
        let (failure, wait) = match result {
            Attempt::Returned(Outcome::Done) | Attempt::Sends(_) => return Verdict::Done,
            Attempt::Returned(Outcome::Skip) => return Verdict::Skip,
            Attempt::Returned(Outcome::RetryAfter(wait)) => {
                (Failure::new(FailureKind::Postponed, format!("retry after {wait:?}")), Some(wait))
            }
            Attempt::Returned(Outcome::Reject(cause)) => (Failure::new(FailureKind::Rejected, cause), None),
            Attempt::Returned(Outcome::Release) => {
                (Failure::new(FailureKind::Released, "`Outcome::Release`"), None)
            }
            Attempt::Failed(cause) => (Failure::new(FailureKind::Error, cause), None),
            Attempt::Panicked(message) => (Failure::new(FailureKind::Panic, message), None),
            Attempt::TimedOut(limit) => {
                (Failure::new(FailureKind::Timeout, format!("not finished after {limit:?}")), None)
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
        // Whatever a handler ends in once it was cancelled may be because of that, a rejection too: whoever maps all errors of a call
        // to `Reject` maps the cancelled ones with them. A last step cannot be taken back, and another attempt, by whoever owns the
        // partition then, costs little; so nothing but success settles a record. What could not be decoded would be the same the
        // next time, but the partition may have another owner already (it was lost), whose step it is to take.
        if cancel.is_cancelled() {
            return Verdict::Release(failure.printable());
        }
        let may_go_on = match failure.kind() {
            FailureKind::Undecodable | FailureKind::Rejected | FailureKind::Unsent => false,
            FailureKind::Error => !policy.is_final(failure.cause()) && policy.allows_another(tries.attempt),
            FailureKind::Panic | FailureKind::Postponed | FailureKind::Timeout => {
                policy.allows_another(tries.attempt)
            }
            FailureKind::Released => true,
        };
        let failure = failure.printable();
        if may_go_on {
            let calls = tries.attempt.saturating_add(tries.released);
            let wait = wait.unwrap_or_else(|| policy.backoff.wait(calls, chance()));
            return Verdict::Retry(wait.max(Duration::from_millis(1)), failure);
        }
        last_step(policy, failure)
    }

    /// What follows when an event is refused that the handler has returned. The handler is not called again: it has succeeded, records
    /// behind this one may be handled already, and the event would be refused again.
    pub(crate) fn judge_unsent(&self, refused: SendError, cancel: &CancellationToken) -> Verdict {
        let failure = Failure::new(FailureKind::Unsent, refused);
        match self {
            Self::PreCommit(_) => Verdict::GiveUp(failure),
            Self::PostCommit(_) if cancel.is_cancelled() => Verdict::Release(failure),
            Self::PostCommit(policy) => last_step(policy, failure),
        }
    }
}

fn last_step(policy: &FailurePolicy, failure: Failure) -> Verdict {
    match &policy.last_step {
        LastStep::Stop => Verdict::Stop(failure),
        LastStep::Skip => Verdict::GiveUp(failure),
        LastStep::DeadLetter { topic } => Verdict::DeadLetter(Arc::clone(topic), failure),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settle::Backoff;

    fn at(attempt: u32) -> Tries {
        Tries { attempt, released: 0 }
    }

    /// The verdict on an attempt of a handler that was not cancelled.
    fn judged(judge: &Judge, attempt: u32, result: Attempt) -> Verdict {
        judge.judge(at(attempt), result, &CancellationToken::new(), || 0.0)
    }

    fn attempt_of_every_kind() -> impl Strategy<Value = fn() -> Attempt> {
        prop_oneof![
            Just((|| Attempt::Returned(Outcome::Done)) as fn() -> Attempt),
            Just((|| Attempt::Returned(Outcome::Skip)) as fn() -> Attempt),
            Just((|| Attempt::Returned(Outcome::RetryAfter(Duration::ZERO))) as fn() -> Attempt),
            Just((|| Attempt::Returned(Outcome::Reject("no".into()))) as fn() -> Attempt),
            Just((|| Attempt::Returned(Outcome::Release)) as fn() -> Attempt),
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
            judged(&judge, u32::MAX, Attempt::Failed("down".into())),
            Verdict::Retry(wait, _) if wait == Duration::from_secs(30)
        ));
        assert!(matches!(judged(&judge, 1, Attempt::Undecodable("bad".into())), Verdict::Stop(_)));
        assert_eq!(judge.time_limit(), Some(Duration::from_secs(300)));
        let unlimited = FailurePolicy::new().attempt_timeout(Duration::MAX);
        assert_eq!(Judge::PostCommit(unlimited).time_limit(), None);
    }

    #[test]
    fn the_last_attempt_takes_the_last_step() {
        let judge = Judge::PostCommit(FailurePolicy::new().attempts(3).last_step(LastStep::Skip));
        assert!(matches!(judged(&judge, 2, Attempt::Failed("down".into())), Verdict::Retry(..)));
        assert!(matches!(judged(&judge, 3, Attempt::Failed("down".into())), Verdict::GiveUp(_)));
    }

    #[test]
    fn what_cannot_be_decoded_goes_straight_to_the_dead_letters() {
        let judge = Judge::PostCommit(FailurePolicy::new().dead_letter("orders.dead"));
        let verdict = judged(&judge, 1, Attempt::Undecodable("bad".into()));
        assert!(matches!(verdict, Verdict::DeadLetter(topic, _) if &*topic == "orders.dead"));
        assert!(matches!(judged(&judge, 9, Attempt::Failed("down".into())), Verdict::Retry(..)));
    }

    #[test]
    fn an_error_that_is_final_takes_the_last_step_at_once_and_others_do_not() {
        let policy = FailurePolicy::new().final_if(|error| error.is::<std::fmt::Error>());
        let judge = Judge::PostCommit(policy);
        assert!(matches!(judged(&judge, 1, Attempt::Failed(Box::new(std::fmt::Error))), Verdict::Stop(_)));
        assert!(matches!(judged(&judge, 1, Attempt::Failed("other".into())), Verdict::Retry(..)));
    }

    #[test]
    fn a_predicate_that_panics_says_no() {
        let judge = Judge::PostCommit(FailurePolicy::new().final_if(|_| panic!("undecided")));
        assert!(matches!(judged(&judge, 1, Attempt::Failed("error".into())), Verdict::Retry(..)));
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
                judged(&judge, 1, Attempt::Failed(Box::new(kind)))
            else {
                panic!("the predicate sees the error itself");
            };
            assert_eq!(failure.kind(), FailureKind::Error);
            let text = failure.cause().to_string();
            assert!(text.starts_with("an error whose text is not available"), "{text}");
        }
    }

    #[test]
    fn the_handlers_own_wait_goes_before_the_backoff() {
        let judge = Judge::PostCommit(FailurePolicy::default());
        let verdict = judged(&judge, 1, Attempt::Returned(Outcome::RetryAfter(Duration::from_secs(90))));
        assert!(matches!(verdict, Verdict::Retry(wait, _) if wait == Duration::from_secs(90)));
    }

    #[test]
    fn a_record_that_is_given_back_is_handled_again_and_no_attempt_is_counted() {
        let backoff = Backoff::exponential(Duration::from_millis(10), Duration::from_secs(1)).jitter(0.0);
        let policy = FailurePolicy::new().attempts(2).backoff(backoff).last_step(LastStep::Skip);
        let judge = Judge::PostCommit(policy);
        let live = CancellationToken::new();
        let mut tries = Tries::FIRST;
        for times in 1..=5 {
            let verdict = judge.judge(tries, Attempt::Returned(Outcome::Release), &live, || 0.0);
            let Verdict::Retry(wait, failure) = verdict else { panic!("{verdict:?}") };
            assert_eq!(wait, backoff.wait(times, 0.0), "it waits longer each time");
            tries = tries.next(&failure);
            assert_eq!(tries.attempt, 1);
        }
        let verdict = judge.judge(tries, Attempt::Failed("down".into()), &live, || 0.0);
        let Verdict::Retry(_, failure) = verdict else { panic!("{verdict:?}") };
        let verdict = judge.judge(tries.next(&failure), Attempt::Failed("down".into()), &live, || 0.0);
        assert!(matches!(verdict, Verdict::GiveUp(_)), "{verdict:?}");
    }

    proptest! {
        #[test]
        fn post_commit_nothing_but_success_settles_what_was_cancelled(
            make in attempt_of_every_kind(), attempt: u32, step in 0..3,
        ) {
            let policy = FailurePolicy::new().attempts(1).final_if(|_| true).last_step(match step {
                0 => LastStep::Stop,
                1 => LastStep::Skip,
                _ => LastStep::DeadLetter { topic: "dead".into() },
            });
            let cancelled = CancellationToken::new();
            cancelled.cancel();
            let succeeds = matches!(make(), Attempt::Returned(Outcome::Done | Outcome::Skip));
            let verdict = Judge::PostCommit(policy).judge(at(attempt), make(), &cancelled, || 0.5);
            prop_assert_eq!(matches!(verdict, Verdict::Done | Verdict::Skip), succeeds);
            prop_assert_eq!(matches!(verdict, Verdict::Release(_)), !succeeds);
        }

        #[test]
        fn pre_commit_what_was_cancelled_is_given_up(make in attempt_of_every_kind(), attempt: u32) {
            let cancelled = CancellationToken::new();
            cancelled.cancel();
            let verdict = Judge::PreCommit(FailurePolicy::new()).judge(at(attempt), make(), &cancelled, || 0.5);
            prop_assert!(matches!(verdict, Verdict::Done | Verdict::Skip | Verdict::GiveUp(_)));
        }

        #[test]
        fn pre_commit_never_tries_twice_and_never_stops(make in attempt_of_every_kind(), attempt: u32) {
            let verdict = judged(&Judge::PreCommit(FailurePolicy::new()), attempt, make());
            prop_assert!(matches!(verdict, Verdict::Done | Verdict::Skip | Verdict::GiveUp(_)));
        }

        #[test]
        fn post_commit_gives_nothing_up_unless_told_to(
            make in attempt_of_every_kind(), attempt: u32, attempts in proptest::option::of(0u32..10),
        ) {
            let mut policy = FailurePolicy::new();
            if let Some(attempts) = attempts { policy = policy.attempts(attempts); }
            let verdict = judged(&Judge::PostCommit(policy), attempt, make());
            prop_assert!(!matches!(verdict, Verdict::GiveUp(_)));
            if let Verdict::Retry(wait, _) = verdict { prop_assert!(!wait.is_zero()); }
        }
    }
}
