use std::{cell::RefCell, sync::Arc};

use tokio::sync::mpsc;

use super::{
    at_work::AtWork,
    attempt::{AttemptState, Done, Ended, Open, Permits, Worker},
    numbers::LaneNumbers,
    pipeline::Routed,
    shared::{Report, Shared},
    unmatched::LaneUnmatched,
};
use crate::{
    config::ConsumerConfig,
    handle::States,
    record::OwnedRecord,
    route::{Router, Routes},
};

/// The way of a record through the engine without Kafka at either end, for tests and benchmarks of what it costs.
pub struct BareEngine<R> {
    handlers: Routed<R>,
    worker: Worker,
    unmatched: RefCell<LaneUnmatched>,
    numbers: RefCell<LaneNumbers>,
    _reports: mpsc::UnboundedReceiver<Report>,
}

impl<R: Routes> BareEngine<R> {
    /// An engine for a router that needs no state.
    ///
    /// # Panics
    /// If the router has conflicts.
    pub fn new(router: Router<R>, config: &ConsumerConfig) -> Self {
        Self::with_states(router, config, States::default())
    }

    /// The same, traced.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[cfg(feature = "otel")]
    pub fn with_traces(router: Router<R>, config: &ConsumerConfig, traces: crate::Traces) -> Self {
        let mut states = States::default();
        states.set_tracing(crate::traces::Tracing::of(Some(traces)));
        Self::with_states(router, config, states)
    }

    fn with_states(router: Router<R>, config: &ConsumerConfig, states: States) -> Self {
        let handlers = Routed::new(router, config).expect("a router without conflicts");
        let (reports, _reports) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new("bare".into(), config, 1, Arc::new(states), None, reports));
        let origin = crate::record::Origin::new("bare", "orders", 0);
        let numbers = shared.numbers().lane(&origin.topic, &handlers.table).into();
        let worker = Worker::new(origin, shared, Arc::default(), AtWork::default());
        Self { handlers, worker, unmatched: RefCell::default(), numbers, _reports }
    }

    /// Routes, decodes and handles a record as a lane does; whether it was handled, rather than skipped.
    pub async fn settle(&self, record: &OwnedRecord) -> bool {
        let record = record.as_record();
        let mut event = self.worker.event(&record);
        let Some(matched) = self.worker.route(&self.handlers, &event) else {
            self.worker.meet_unmatched(
                &self.handlers,
                &record,
                event.name(),
                &mut self.unmatched.borrow_mut(),
            );
            return false;
        };
        let (event_index, written) = (matched.event(), record.written());
        let began = self.numbers.borrow().begin();
        event.open(record.payload());
        let open = Open::One(self.worker.context(record, &event));
        let mut state = AttemptState::new(Permits::Unlimited, began);
        let ended = self.worker.attempt(&self.handlers, matched.handler(), open, &mut state).await;
        match ended {
            Ended::All(Done::Handled) => {
                let mut numbers = self.numbers.borrow_mut();
                let now = self.worker.clock().now();
                numbers.handled_at_once(event_index, written, state.began, now);
                true
            }
            Ended::All(_) => false,
            Ended::Each(fates) => panic!("the record was not settled: {fates:?}"),
            Ended::Sends(events) => panic!("{events:?} would have to be sent"),
            Ended::SendsOfSome(of_some) => unreachable!("it is one record, and not {of_some:?}"),
        }
    }
}
