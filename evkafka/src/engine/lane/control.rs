use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::backing_off::BackingOff;
use crate::{engine::shared::Shared, error::Inner};

/// What is said to a running lane, and what is heard of it.
#[derive(Debug, Default)]
pub(in crate::engine) struct LaneControl {
    /// The lane takes no more records. Read for each record, and so not a token, whose look-up takes a lock.
    stopping: AtomicBool,
    stop: CancellationToken,
    /// Handlers are told to come to an end.
    pub(in crate::engine) cancel: CancellationToken,
    /// Handlers are dropped.
    pub(in crate::engine) abort: CancellationToken,
    /// There may be records.
    pub(in crate::engine) records: Arc<Notify>,
    pub(super) backing_off: BackingOff,
    /// The broker has acknowledged an offset.
    pub(in crate::engine) acknowledged: crate::sync::Notify,
    over: CancellationToken,
}

impl LaneControl {
    /// The lane is to take no more records.
    pub(in crate::engine) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stop.cancel();
    }

    #[inline]
    pub(in crate::engine) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Waits until the lane is to take no more records.
    pub(in crate::engine) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Whether handlers are dropped, so that none may begin. Quick as long as the lane is not stopped.
    #[inline]
    pub(in crate::engine) fn is_aborted(&self) -> bool {
        self.is_stopping() && self.abort.is_cancelled()
    }

    /// Waits until the lane is over.
    pub(in crate::engine) async fn finished(&self) {
        self.over.cancelled().await;
    }

    pub(in crate::engine) fn is_finished(&self) -> bool {
        self.over.is_cancelled()
    }

    fn finish(&self) {
        self.over.cancel();
    }
}

/// Says that a lane is over when it is dropped, however that comes about.
pub(in crate::engine) struct Finished {
    control: Arc<LaneControl>,
    shared: Arc<Shared>,
    in_order: bool,
}

impl Finished {
    pub(in crate::engine) fn new(control: Arc<LaneControl>, shared: Arc<Shared>) -> Self {
        Self { control, shared, in_order: false }
    }

    /// The lane came to its end by itself.
    pub(super) fn in_order(&mut self) {
        self.in_order = true;
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        // A lane that is gone without having been told to go would leave its partition unread for ever.
        if !self.in_order && !self.control.is_stopping() {
            self.shared.report(Inner::Engine {
                consumer: Arc::clone(&self.shared.consumer),
                message: "the task that reads a partition was lost: a destructor panicked, or the runtime is shutting \
                          down"
                    .to_owned(),
            });
        }
        self.control.finish();
    }
}
