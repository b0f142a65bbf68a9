use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::{
    lane::{Done, LaneControl, Worker},
    pipeline::Routed,
    shared::{Report, Shared},
};
use crate::{
    config::ConsumerConfig,
    handle::{BlockingThreads, States},
    record::OwnedRecord,
    route::{Router, Routes},
};

/// The way of a record through the engine without Kafka at either end, for tests and benchmarks of what it costs.
pub struct BareEngine<R> {
    handlers: Routed<R>,
    worker: Worker,
    _reports: mpsc::UnboundedReceiver<Report>,
}

impl<R: Routes> BareEngine<R> {
    /// An engine for a router that needs no state.
    ///
    /// # Panics
    /// If the router has conflicts.
    pub fn new(router: Router<R>, config: &ConsumerConfig) -> Self {
        let handlers = Routed::new(router, config).expect("a router without conflicts");
        let (reports, _reports) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            consumer: "bare".into(),
            mode: config.auto_commit_mode,
            concurrency: config.concurrency,
            permits: Arc::new(Semaphore::new(1)),
            threads: BlockingThreads::new(1),
            ahead: Arc::new(Semaphore::new(1)),
            persist_progress: false,
            metadata_limit: Arc::default(),
            event_type_header: config.event_type_header.clone(),
            states: Arc::new(States::default()),
            reports,
            group: String::new(),
            dead_letters: None,
            counts: Default::default(),
        });
        let origin = crate::record::Origin::new("bare", "orders", 0);
        Self {
            handlers,
            worker: Worker { origin, shared, control: Arc::new(LaneControl::default()) },
            _reports,
        }
    }

    /// Routes, decodes and handles a record as a lane does; whether it was handled, rather than skipped.
    pub async fn settle(&self, record: &OwnedRecord) -> bool {
        let done = self.worker.settle(&self.handlers, record.as_record()).await;
        assert_ne!(done, Done::Unsettled);
        done == Done::Handled
    }
}
