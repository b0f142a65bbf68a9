//! Where librdkafka leaves the place that it has been told to read from.
//!
//! A partition without a committed offset has it ask for the start of the log (`auto.offset.reset`), 100 ms after it has heard that there is
//! none. A seek stops that before the request is sent, and not while it waits for the answer. That answer is outdated then, so librdkafka asks
//! again, half a second later, and goes where the second answer says: to the start of the log, with no word of the seek that it has
//! acknowledged. Meanwhile it may have fetched records from where it was to begin. Where a broker takes more than 100 ms to answer,
//! each partition that begins at its end was read from its start.

use std::time::Duration;

use super::PartitionQueue;
use crate::settle::Course;

/// How long after a seek it may happen: longer than a request waits for its answer.
const MAY_HAPPEN_FOR: Duration = Duration::from_secs(70);

impl PartitionQueue {
    /// Whether it is for this that offsets go back below `next`; then where librdkafka is to go on.
    ///
    /// It happens once, soon after a seek, and leads to the start of the log, which still reaches as far as it was read: one that was truncated
    /// or recreated does not.
    pub(super) fn is_overridden(&mut self, next: Option<i64>, course: &Course) -> Option<i64> {
        if !course.goes_back || course.has_errors {
            return None;
        }
        let sought = self.sought.take()?;
        let (next, client) = (next?, &self.queue.client);
        let leads_to = self.taken.offsets().flatten().find(|offset| *offset < next)?;
        let (start, end) = (self.position.start_of_the_log(client), self.position.end_of_the_log(client)?);
        let is_soon = sought.elapsed() < MAY_HAPPEN_FOR;
        (is_soon && start == Some(leads_to) && next <= end).then_some(next)
    }
}
