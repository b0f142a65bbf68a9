//! The log lines of the engine: a constant message, and one schema of fields (`consumer`, `topic`, `partition`, `offset`, `event`,
//! `attempt`, `error`), in which `partition` is always a number. No payload value and no secret is in any of them.

mod consumer;
mod member;
mod partition;
mod record;

use super::{ConsumerEvent, MemberEvent, MemberName, Observer, PartitionEvent, RecordEvent};
use crate::record::Origin;

/// The observer that is always there.
pub(super) struct Log;

impl Observer for Log {
    fn record(&self, origin: &Origin, event: &RecordEvent<'_>) {
        record::log(origin, event);
    }

    fn partition(&self, origin: &Origin, event: &PartitionEvent<'_>) {
        partition::log(origin, event);
    }

    fn member(&self, member: &MemberName, event: &MemberEvent<'_>) {
        member::log(member, event);
    }

    fn consumer(&self, consumer: &str, event: &ConsumerEvent<'_>) {
        consumer::log(consumer, event);
    }
}
