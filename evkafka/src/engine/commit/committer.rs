//! Tells the broker how far the lanes have come: at an interval, and at once when a lane waits for it.

use std::{sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    aside::Aside,
    exchange::{Answer, Exchange},
    requests::CommitRequests,
};
use crate::{
    client::{CommitAnswer, Fault},
    engine::{
        assignment::{Assignment, TopicPartition},
        shared::Shared,
    },
    error::Inner,
    native::{ClientHandle, CommitReply},
    settle::Backoff,
};

/// After this time without an answer a commit counts as failed. librdkafka itself gives up after `socket.timeout.ms`
/// (60 s), so this is for the case that it does not answer at all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(70);

/// The committing task of one member.
pub(in crate::engine) struct Committer {
    pub(in crate::engine) shared: Arc<Shared>,
    pub(in crate::engine) assignment: Arc<Assignment>,
    pub(in crate::engine) interval: Duration,
    pub(in crate::engine) requests: Arc<CommitRequests>,
    pub(in crate::engine) stop: CancellationToken,
}

impl Committer {
    /// Commits until it is stopped. What is open then is left to the thread that stopped it.
    pub(in crate::engine) async fn run(self, client: Arc<ClientHandle>) {
        let mut exchange = Exchange::new(client);
        let mut aside = Aside::default();
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut failures, mut sent_at, mut assigned) = (0, Instant::now(), 0);
        loop {
            let again = aside.next_due();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.requests.due(sent_at) => {}
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
                _ = ticks.tick() => {}
            }
            let assigned_before = std::mem::replace(&mut assigned, self.assignment.times_assigned());
            if assigned_before != assigned {
                aside.clear();
            }
            let begun = Instant::now();
            let committed = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                committed = self.commit_all(&mut exchange, &mut aside) => committed,
            };
            match committed {
                None => continue,
                Some(Ok(())) => failures = 0,
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
        aside: &mut Aside,
    ) -> Option<Result<(), RDKafkaErrorCode>> {
        let mut result = None;
        let mut alone = Vec::new();
        let together = commit(exchange, &self.assignment, |(topic, _)| !aside.contains(topic)).await;
        if let Some(Answer { sent, reply }) = together {
            alone = sent.topics_to_be_sent_alone(&reply);
            result = alone.is_empty().then(|| reply.into_result());
        }
        alone.extend(aside.due(Instant::now()));
        for topic in alone {
            let committed = commit(exchange, &self.assignment, |key| key.0 == topic).await;
            let Some(Answer { reply, .. }) = committed else {
                aside.take_back(&topic);
                continue;
            };
            let is_of_a_partition = is_of_one_partition(&reply);
            match reply.into_result() {
                Ok(()) => aside.take_back(&topic),
                Err(code) if is_of_a_partition => {
                    self.failed(code);
                    aside.put(topic, Instant::now(), fastrand::f64());
                }
                // What is wrong with the group, or the connection, is so for the other topics too.
                Err(code) => return Some(Err(code)),
            }
            result.get_or_insert(Ok(()));
        }
        result
    }

    /// How long to wait before a failed commit is sent again: never longer than the interval, unless that is very short.
    fn backoff(&self) -> Backoff {
        let first = Duration::from_millis(200);
        Backoff::exponential(first, self.interval.max(first))
    }

    fn failed(&self, code: RDKafkaErrorCode) {
        let answer = Fault::of(code).for_commit();
        if answer == CommitAnswer::Evicted {
            self.assignment.evict();
        }
        if answer.is_final() {
            self.shared.report(Inner::Commit {
                consumer: Arc::clone(&self.shared.consumer),
                code,
                last: false,
            });
        } else {
            tracing::warn!(
                consumer = %self.shared.consumer,
                error = %code,
                "offsets could not be committed and will be committed later"
            );
        }
    }
}

/// Commits what is settled of `which` partitions; `None` if that is nothing.
///
/// # Cancel safety
/// What was sent may or may not be taken.
async fn commit(
    exchange: &mut Exchange,
    assignment: &Assignment,
    which: impl Fn(&TopicPartition) -> bool,
) -> Option<Answer> {
    let until = (Instant::now() + ANSWER_TIMEOUT).into_std();
    exchange.send(until, |queue| assignment.commit_with(which, |entries| queue.send(entries)));
    exchange.answer().await
}

/// Whether a commit may have been refused for some of its partitions only.
fn is_of_one_partition(reply: &CommitReply) -> bool {
    reply.result.is_err_and(|code| Fault::of(code).for_commit().is_of_one_partition())
}
