//! A thread that publishes numbers from time to time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::{Metrics, facade::Facade};
use crate::{
    error::{Error, Result},
    handle::panic,
    logged::logged,
};

/// How long the end of an app waits for a recorder.
const LAST: Duration = Duration::from_secs(1);

/// Publishes the numbers of an app to the global recorder, once it is started.
pub(crate) struct Publisher {
    facade: Facade,
    interval: Duration,
}

/// The thread that publishes: a recorder may take its time. When this is dropped, it publishes for the last time and ends.
pub(crate) struct Publishing {
    /// Closed when it is dropped.
    ends: mpsc::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Publisher {
    pub(crate) fn new(metrics: Metrics, interval: Duration) -> Self {
        Self { facade: Facade::new(metrics), interval }
    }

    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(self) -> Result<Publishing> {
        let Self { mut facade, interval } = self;
        let (ends, told) = mpsc::channel();
        let (is_over, ended) = oneshot::channel();
        let publishes = move || {
            let mut has_panicked = false;
            loop {
                guarded(&mut has_panicked, || ::metrics::with_recorder(|recorder| facade.publish(recorder)));
                if told.recv_timeout(interval) != Err(mpsc::RecvTimeoutError::Timeout) {
                    break;
                }
            }
            guarded(&mut has_panicked, || ::metrics::with_recorder(|recorder| facade.end(recorder)));
            let _ = is_over.send(());
        };
        thread::Builder::new().name("evkafka-metrics".to_owned()).spawn(publishes).map_err(Error::other)?;
        Ok(Publishing { ends, ended })
    }
}

/// A recorder that panics, which is told once, keeps nothing else from being published later.
fn guarded(has_panicked: &mut bool, publish: impl FnOnce()) {
    // Unwind safety: what was not published is published the next time.
    let Err(payload) = catch_unwind(AssertUnwindSafe(publish)) else { return };
    if !std::mem::replace(has_panicked, true) {
        let reason = panic::message(&*payload);
        logged(|| tracing::error!(target: "evkafka::app", reason, "the recorder of metrics panicked"));
    }
}

impl Publishing {
    /// Has it publish for the last time, and waits until that is done.
    pub(crate) async fn stop(self) {
        let Self { ends, ended } = self;
        drop(ends);
        let _ = timeout(LAST, ended).await;
    }
}
