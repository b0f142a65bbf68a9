//! What is counted of attempts that failed. Those that succeed are counted by their lane.

use std::sync::Arc;

use super::{Open, Worker};
use crate::{
    engine::numbers::{Moment, TopicNumbers},
    handle::Context,
    route::{EventIndex, RouteTable},
    settle::{Failure, FailureKind, Verdict},
};

impl Worker {
    /// An attempt that began then has failed, and another follows.
    #[cold]
    pub(super) fn count_retried(
        &self,
        table: &RouteTable,
        open: &Open<'_>,
        failure: &Failure,
        began: Moment,
    ) {
        let (topic, event) = (self.topic(table), event(table, open.first()));
        topic.failed(event, failure.kind(), open.len());
        topic.retried(event, open.len(), self.clock.now().since(began));
    }

    /// The last attempt has failed, if this says so.
    #[cold]
    pub(super) fn count_failed(&self, table: &RouteTable, open: &Open<'_>, verdict: &Verdict) {
        if let Verdict::GiveUp(failure) | Verdict::DeadLetter(_, failure) | Verdict::Stop(failure) = verdict {
            self.topic(table).failed(event(table, open.first()), failure.kind(), open.len());
        }
    }

    /// A record of a batch cannot be decoded.
    #[cold]
    pub(super) fn count_undecodable(&self, table: &RouteTable, context: &Context<'_>) {
        self.topic(table).failed(event(table, context), FailureKind::Undecodable, 1);
    }

    /// Events that a handler has returned for so many records are refused.
    #[cold]
    pub(in crate::engine) fn count_unsent(&self, table: &RouteTable, event: EventIndex, records: usize) {
        self.topic(table).failed(event, FailureKind::Unsent, records);
    }

    fn topic(&self, table: &RouteTable) -> Arc<TopicNumbers> {
        self.shared.numbers().topic(&self.origin.topic, table)
    }
}

fn event(table: &RouteTable, context: &Context<'_>) -> EventIndex {
    table.event(context.event.name(), context.event.version())
}
