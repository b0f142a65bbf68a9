//! Tells the broker how far the lanes have come: at an interval, and at once when a lane waits for it.

use std::{sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{assignment::Assignment, shared::Shared};
use crate::{
    error::Inner,
    native::{ClientHandle, CommitEntry, CommitQueue, CommitReply},
};

/// After this time without an answer a commit counts as failed. librdkafka itself gives up after `socket.timeout.ms`
/// (60 s), so this is for the case that it does not answer at all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(70);

/// How long to wait before a failed commit is tried again, when a lane waits for it.
const RETRY: Duration = Duration::from_millis(200);

/// The committing task of one member.
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) assignment: Arc<Assignment>,
    pub(super) interval: Duration,
    pub(super) wanted: Arc<Notify>,
    pub(super) stop: CancellationToken,
}

impl Committer {
    /// Commits until it is stopped. What is open then is left to the thread that stopped it.
    pub(super) async fn run(self, client: Arc<ClientHandle>) {
        let mut queue = CommitQueue::new(&client);
        drop(client);
        let answered = Arc::new(Notify::new());
        queue.listen(Arc::clone(&answered));
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.wanted.notified() => {}
                _ = ticks.tick() => {}
            }
            let sent = self.assignment.commit_with(|entries| (queue.send(&entries), entries));
            let Some((sent, entries)) = sent else { continue };
            let result = match sent {
                Ok(()) => tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return,
                    reply = answer(&queue, &answered) => reply.result,
                },
                Err(code) => Err(code),
            };
            if let Err(code) = result {
                self.failed(code);
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = sleep(RETRY) => self.wanted.notify_one(),
                }
            } else {
                self.acknowledge(&entries);
            }
        }
    }

    fn acknowledge(&self, entries: &[CommitEntry]) {
        tracing::trace!(consumer = %self.shared.consumer, partitions = entries.len(), "offsets committed");
        self.assignment.acknowledge(entries);
    }

    fn failed(&self, code: RDKafkaErrorCode) {
        if is_refusal(code) {
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

/// Waits for the answer to the commit that was sent.
async fn answer(queue: &CommitQueue, answered: &Notify) -> CommitReply {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    loop {
        if let Some(reply) = queue.poll(Duration::ZERO) {
            return reply;
        }
        if Instant::now() >= deadline {
            return CommitReply { result: Err(RDKafkaErrorCode::OperationTimedOut) };
        }
        // Looks again every second, in case a wake-up was lost.
        let _ = timeout(Duration::from_secs(1), answered.notified()).await;
    }
}

/// Whether a commit was refused for a reason that does not pass by itself.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as E;
    matches!(
        code,
        E::GroupAuthorizationFailed
            | E::TopicAuthorizationFailed
            | E::ClusterAuthorizationFailed
            | E::InvalidGroupId
            | E::FencedInstanceId
    )
}
