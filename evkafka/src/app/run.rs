use std::pin::Pin;

use super::{builder::App, consumers::Consumers, signal::Watch};
#[cfg(feature = "metrics")]
use crate::metrics::Publisher;
use crate::{
    control::EndGuard,
    error::{Chain, Error, Result},
    logged::logged,
};

impl App {
    /// Runs the app until SIGINT or SIGTERM (Ctrl-C elsewhere), until [`Control::drain`](crate::Control::drain), or until a consumer
    /// fails for good.
    ///
    /// Then it drains: handlers that are under way finish, what was handled is committed, and the consumers
    /// leave their groups, all within [`shutdown_timeout`](Self::shutdown_timeout).
    ///
    /// # Signals
    /// From the first poll on until it returns, SIGINT and SIGTERM are handled on a thread of its own, so that they have an effect
    /// even while a handler blocks the runtime:
    ///
    /// - The first has the app drain.
    /// - A second ends the process at once, with the exit status 128 plus the signal's number, whatever the app is doing. Signals
    ///   less than 500 ms after the first count as the first.
    /// - If the runtime is blocked, so that the future has not completed two seconds after the `shutdown_timeout`, the process ends
    ///   with an error in the log (on standard error, if nothing logs) and the exit status 1. What was handled and could not
    ///   be committed is handled again.
    /// - Signal handlers that were installed before are called too. When the future has completed or was dropped, the signals do
    ///   what they did before; one that came while the app was ending for another reason takes effect then.
    ///
    /// # Errors
    /// What is wrong before anything is consumed: with the app itself, a cluster that does not answer, a topic that does
    /// not exist. Later: the record that could not be handled, or what Kafka refuses. Return it from `main`, and the
    /// process exits with a failure.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future ends the consumers without waiting for them: handlers are dropped, and what was settled since the last
    /// commit is committed in the background, if the process lives long enough. Use [`run_until`](Self::run_until) to end
    /// it in order.
    pub async fn run(self) -> Result<()> {
        let watch = Watch::begin()?;
        self.serve(watch.stopped(), Some(&watch)).await
    }

    /// Like [`run`](Self::run), but ends when `stop` does in place of a signal, and leaves the process's signals alone: for tests, and for apps within an
    /// app.
    ///
    /// # Errors
    /// # Panics
    /// # Cancel safety
    /// As [`run`](Self::run).
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<()> {
        self.serve(stop, None).await
    }

    async fn serve(self, stop: impl Future<Output = ()>, watch: Option<&Watch>) -> Result<()> {
        let mut ends = self.control.guard();
        // A meter that reads the numbers has only a weak reference: this one keeps them alive while the app runs.
        let _metrics = self.metrics();
        let result = self.serve_until(stop, watch, &mut ends).await;
        ends.ends_with(&result);
        result
    }

    async fn serve_until(
        #[cfg_attr(not(feature = "admin"), expect(unused_mut, reason = "its endpoint is taken out of it"))]
        mut self,
        stop: impl Future<Output = ()>,
        watch: Option<&Watch>,
        ends: &mut EndGuard,
    ) -> Result<()> {
        let control = self.control.clone();
        let resolved = self.resolve()?;
        logged(|| {
            tracing::info!(
                target: "evkafka::app",
                title = self.title,
                version = self.version,
                consumers = self.consumers.len(),
                "starting"
            )
        });
        #[cfg(feature = "admin")]
        let admin = self.start_admin()?;
        #[cfg(feature = "metrics")]
        let publisher = self.publisher();
        let mut consumers = Consumers::start(self, resolved)?;
        #[cfg(feature = "metrics")]
        let publishing = publisher.map(Publisher::start).transpose()?;
        if let Some(watch) = watch {
            watch.arm(&consumers.drain);
        }
        let stop = async {
            tokio::select! {
                () = stop => {}
                () = control.drains() => {}
            }
        };
        // What `stop` owns is there until the app has drained.
        let stop = std::pin::pin!(stop);
        let failure = failure_until(stop, &mut consumers).await;
        if let Some(error) = &failure {
            logged(
                || tracing::error!(target: "evkafka::app", error = %Chain(error), "a consumer failed; the app is shutting down"),
            );
        } else {
            ends.is_asked_for();
            logged(|| tracing::info!(target: "evkafka::app", "shutting down"));
        }
        consumers.drain.begin();
        if let Some(watch) = watch {
            watch.drains();
        }
        let ended = consumers.shut_down().await;
        // At the same time: a process that is to end does not wait for one after the other.
        let published = async {
            #[cfg(feature = "metrics")]
            if let Some(publishing) = publishing {
                publishing.stop().await;
            }
        };
        let served = async {
            #[cfg(feature = "admin")]
            if let Some(admin) = admin {
                admin.stop().await;
            }
        };
        tokio::join!(published, served);
        let Some(failure) = failure else { return ended };
        if let Err(error) = ended {
            logged(|| tracing::error!(target: "evkafka::app", error = %Chain(&error), "the shutdown failed"));
        }
        Err(failure)
    }
}

/// Has the consumers consume until it is time to stop, or until one has failed for good, which is returned.
async fn failure_until(
    mut stop: Pin<&mut impl Future<Output = ()>>,
    consumers: &mut Consumers,
) -> Option<Error> {
    tokio::select! {
        biased;
        () = &mut stop => None,
        started = consumers.consume() => match started {
            Err(error) => Some(error),
            Ok(()) => tokio::select! {
                biased;
                error = consumers.failure() => Some(error),
                () = stop => None,
            },
        },
    }
}
