//! What follows when a record was not acknowledged.

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::time::Instant;

use super::refusal::Patience;
use crate::{
    client::{Fault, WriteAnswer},
    settle::Backoff,
};

/// How long to wait before a record that was not acknowledged is sent again.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(200), Duration::from_secs(10));

/// Which batches a record may be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Batching {
    /// With others.
    #[default]
    Shared,
    /// In one of its own: a batch that is too large, or has a record that the broker rejects, is refused with all its records, however
    /// small and valid they are.
    Alone,
}

/// How one record was sent so far.
#[derive(Debug, Default)]
pub(crate) struct Again {
    patience: Patience,
    attempts: u32,
    pub(super) batching: Batching,
}

/// What is done about a record that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The producer's queue is full, or its client not ready yet: it is sent when there is room.
    Room,
    /// It is sent at once, in a batch of its own.
    Alone,
    /// It is sent again after this time.
    After(Duration),
    /// It is not: it is refused, and will be until somebody changes a setting, or nobody waits for it any longer.
    Refused,
}

impl Then {
    /// When the record is sent again, which is not [refused](Self::Refused).
    pub(crate) fn at(self, now: Instant) -> Instant {
        match self {
            Self::Room | Self::Alone => now,
            Self::After(wait) => now + wait,
            Self::Refused => unreachable!("it is an error"),
        }
    }
}

impl Again {
    /// Of a record that somebody waits for until then, and decides about if it is refused.
    pub(super) fn until(until: Instant) -> Self {
        Self { patience: Patience::Until(until), ..Self::default() }
    }

    /// Whether its batch may be the cause, and not the record: from now on it is in one of its own.
    fn is_to_be_alone(&mut self, code: Code) -> bool {
        let is_shared = self.batching == Batching::Shared;
        let is_one = is_shared && Fault::of(code).for_writing() == WriteAnswer::OfBatch;
        if is_one {
            self.batching = Batching::Alone;
        }
        is_one
    }

    /// What follows from this answer.
    pub(super) fn after(&mut self, code: Code, now: Instant) -> Then {
        if matches!(code, Code::QueueFull | Code::Retry) {
            return Then::Room;
        }
        if self.is_to_be_alone(code) {
            return Then::Alone;
        }
        if !self.patience.allows_another(code, now) {
            return Then::Refused;
        }
        self.attempts = self.attempts.saturating_add(1);
        Then::After(BACKOFF.wait(self.attempts, fastrand::f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_whose_batch_may_be_the_cause_is_sent_alone_before_it_is_refused() {
        let now = Instant::now();
        for again in [Again::default, || Again::until(Instant::now())] {
            for code in [
                Code::MessageSizeTooLarge,
                Code::MessageBatchTooLarge,
                Code::InvalidRecord,
                Code::InvalidTimestamp,
                Code::InvalidDifferentRecord,
            ] {
                let mut again = again();
                assert_eq!(again.after(code, now), Then::Alone, "{code}");
                assert_eq!(again.after(code, now), Then::Refused, "{code}");
            }
            for code in [Code::InvalidTopic, Code::UnsupportedVersion] {
                assert_eq!(again().after(code, now), Then::Refused, "{code}");
            }
        }
    }

    #[test]
    fn waits_grow_and_a_full_queue_is_no_attempt() {
        let (mut again, now) = (Again::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(again.after(Code::QueueFull, now), Then::Room);
            assert_eq!(again.after(Code::Retry, now), Then::Room);
        }
        let mut wait = |_| match again.after(Code::NotEnoughReplicas, now) {
            Then::After(wait) => wait,
            other => panic!("{other:?}"),
        };
        let waits: Vec<_> = (0..20).map(&mut wait).collect();
        assert!(waits[0] <= Duration::from_millis(200), "{waits:?}");
        assert!(waits[19] > Duration::from_secs(1) && waits[19] <= Duration::from_secs(10), "{waits:?}");
    }
}
