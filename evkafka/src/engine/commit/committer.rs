//! Tells the broker how far the lanes have come: at an interval, and at once when a lane waits for it.

use std::{sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    exchange::{Answer, Exchange},
    refused_topics::{Came, RefusedTopics, Round},
    requests::CommitRequests,
    target::CommitTarget,
};
use crate::{
    client::{Fault, Sparse},
    engine::{
        assignment::Assignment,
        observe::{MemberEvent, WatchedMember},
        shared::Shared,
    },
    error::Inner,
    settle::Backoff,
};

/// After this time without an answer a commit counts as failed. librdkafka itself gives up after `socket.timeout.ms`
/// (60 s), so this is for the case that it does not answer at all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(70);

/// The committing task of one member.
pub(in crate::engine) struct Committer {
    shared: Arc<Shared>,
    member: Arc<WatchedMember>,
    assignment: Arc<Assignment>,
    interval: Duration,
    requests: Arc<CommitRequests>,
    stop: CancellationToken,
    told: Sparse<RDKafkaErrorCode>,
}

impl Committer {
    /// Commits at this `interval` and on `requests`, until `stop`.
    pub(in crate::engine) fn new(
        shared: Arc<Shared>,
        member: Arc<WatchedMember>,
        assignment: Arc<Assignment>,
        interval: Duration,
        requests: Arc<CommitRequests>,
        stop: CancellationToken,
    ) -> Self {
        Self { shared, member, assignment, interval, requests, stop, told: Sparse::new() }
    }

    /// Commits until it is stopped. What is open then is left to the thread that stopped it.
    pub(in crate::engine) async fn run(self, target: CommitTarget) {
        let mut exchange = Exchange::new(Arc::clone(&self.assignment), target);
        let mut refused = RefusedTopics::default();
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut failures, mut sent_at, mut assigned) = (0, Instant::now(), 0);
        loop {
            let again = refused.next_due();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.requests.due(sent_at) => {}
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
                _ = ticks.tick() => {}
            }
            let assigned_before = std::mem::replace(&mut assigned, self.assignment.times_assigned());
            if assigned_before != assigned {
                refused.clear();
            }
            let begun = Instant::now();
            let committed = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                committed = self.commit_all(&mut exchange, &mut refused) => committed,
            };
            match committed {
                None => continue,
                Some(Ok(())) => {
                    self.assignment.accepted();
                    if failures > 0 {
                        self.member.tell(&MemberEvent::CommitsAgain { failures });
                    }
                    failures = 0;
                }
                Some(Err(code)) => {
                    failures += 1;
                    self.failed(code);
                    let wait = self.backoff().wait(failures, fastrand::f64());
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        // A lane may be waiting for it.
                        () = sleep(wait) => self.requests.now(),
                    }
                }
            }
            sent_at = begun;
        }
    }

    /// Commits what there is to commit; `None` if that is nothing.
    async fn commit_all(
        &self,
        exchange: &mut Exchange,
        refused: &mut RefusedTopics,
    ) -> Option<Result<(), RDKafkaErrorCode>> {
        let mut result = None;
        let mut round = Round::new(refused.due(Instant::now()));
        loop {
            let until = (Instant::now() + ANSWER_TIMEOUT).into_std();
            exchange.commit(|key| refused.is_sent(&round, key), until);
            match (exchange.answer().await, round.alone().cloned()) {
                (None, Some(topic)) => refused.take_back(&topic),
                (None, None) => {}
                (Some(Answer { sent, reply }), alone) => match round.judge(|| sent.topics(), &reply) {
                    Came::Unknown => {}
                    Came::Accepted => {
                        alone.iter().for_each(|topic| refused.take_back(topic));
                        result.get_or_insert(Ok(()));
                    }
                    Came::Refused(topic, code) => {
                        self.failed(code);
                        refused.put(topic, Instant::now(), fastrand::f64());
                        result.get_or_insert(Ok(()));
                    }
                    Came::Failed(code) if alone.is_none() => result = Some(Err(code)),
                    // What is wrong with the group, or the connection, is so for the other topics too.
                    Came::Failed(code) => return Some(Err(code)),
                },
            }
            if round.next().is_none() {
                return result;
            }
        }
    }

    /// How long to wait before a failed commit is sent again: never longer than the interval, unless that is very short.
    fn backoff(&self) -> Backoff {
        let first = Duration::from_millis(200);
        Backoff::exponential(first, self.interval.max(first))
    }

    fn failed(&self, code: RDKafkaErrorCode) {
        if Fault::of(code).for_commit().is_final() {
            self.shared.report(Inner::commit(&self.shared.consumer, code, false));
        } else if let Some(times) = self.told.hear(code, Instant::now().into_std()) {
            self.member.tell(&MemberEvent::CommitFailed { error: code, times });
        }
    }
}
