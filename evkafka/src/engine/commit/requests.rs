use std::time::Duration;

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// For at least so long after a commit, those that are asked for soon are gathered into the next. A commit of all partitions
/// costs the broker as much as one of a single partition; lanes that commit ahead ask for one each 20 to 80 ms.
const GATHER: Duration = Duration::from_millis(15);

/// How lanes ask for a commit before its time.
#[derive(Debug, Default)]
pub(in crate::engine) struct CommitRequests {
    soon: Notify,
    now: Notify,
}

impl CommitRequests {
    /// There is something to commit, and a lane will wait for the answer when it is done with what it has.
    pub(in crate::engine) fn soon(&self) {
        self.soon.notify_one();
    }

    /// A lane waits for it.
    pub(in crate::engine) fn now(&self) {
        self.now.notify_one();
    }

    /// Waits until a commit is due, the last having been sent at `sent`.
    ///
    /// # Cancel safety
    /// Dropping it loses requests: a commit must follow.
    pub(in crate::engine) async fn due(&self, sent: Instant) {
        let gathered = async {
            self.soon.notified().await;
            sleep_until(sent + GATHER).await;
        };
        tokio::select! {
            biased;
            () = self.now.notified() => {}
            () = gathered => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn commits_that_are_asked_for_soon_are_gathered_and_one_that_is_waited_for_is_not() {
        let requests = CommitRequests::default();
        let sent = Instant::now();
        requests.soon();
        requests.due(sent).await;
        assert_eq!(sent.elapsed(), GATHER);
        requests.soon();
        requests.due(sent).await;
        assert_eq!(sent.elapsed(), GATHER, "the last commit is long enough ago");
        let sent = Instant::now();
        requests.soon();
        requests.now();
        requests.due(sent).await;
        assert!(sent.elapsed().is_zero());
    }
}
