//! What a test has the app go through.

use super::{client::TestClient, refusal::Refusal};
use crate::error::Result;

impl TestClient {
    /// Has the group take all partitions from the app, and give them back: handlers finish within `revoke_grace`, or are cancelled and
    /// dropped; what is settled is committed; then the partitions are read from there.
    pub async fn rebalance(&self) {
        self.ground.memory("rebalance").run().rebalance().await;
    }

    /// The next `count` records that the app sends to `topic`, events or dead letters, are refused.
    pub fn refuse_sends(&self, topic: &str, count: usize, refusal: Refusal) {
        self.ground.memory("refuse_sends").cluster.refuse(topic, std::iter::repeat_n(refusal.code(), count));
    }

    /// All records that the app sends to `topic` from now on are refused, until they are [accepted](Self::accept_sends).
    pub fn refuse_all_sends(&self, topic: &str, refusal: Refusal) {
        self.ground.memory("refuse_all_sends").cluster.refuse_all(topic, refusal.code());
    }

    /// Records for `topic` are refused no more.
    pub fn accept_sends(&self, topic: &str) {
        self.ground.memory("accept_sends").cluster.accept(topic);
    }

    /// From now on the records that the app sends are written, and not acknowledged, until that is
    /// [made up for](Self::acknowledge).
    pub fn hold_acknowledgements(&self) {
        self.ground.memory("hold_acknowledgements").cluster.hold_acknowledgements();
    }

    /// Acknowledges all that was held back, and holds back no more.
    pub fn acknowledge(&self) {
        self.ground.memory("acknowledge").cluster.acknowledge();
    }

    /// The app ends as a process does that is killed, and is started anew: handlers are dropped where they stand, what is settled and
    /// not committed is forgotten, and partitions are read from where they are committed. States are those of before. An app that
    /// has ended by itself, or was [shut down](Self::shutdown), is started anew too.
    ///
    /// A plain (blocking) handler cannot be dropped, and runs to its end.
    pub async fn crash_and_restart(&self) {
        self.ground.memory("crash_and_restart").crash_and_restart().await;
    }

    /// Has the app end as at SIGTERM: handlers that are under way finish within the app's
    /// [`shutdown_timeout`](crate::App::shutdown_timeout), and what was handled is committed.
    ///
    /// # Errors
    /// What [`App::run`](crate::App::run) returns: why the app had stopped, if it had by itself; once.
    pub async fn shutdown(&self) -> Result<()> {
        self.ground.shut_down().await
    }

    /// Why the app has stopped by itself, if it has: the error with its causes.
    pub fn error(&self) -> Option<String> {
        self.ground.failure()
    }
}
