//! Where librdkafka leaves the place that it has been told to read from.
//!
//! A partition without a committed offset has it ask for the start of the log (`auto.offset.reset`), 100 ms after it has heard that there is
//! none. A seek stops that before the request is sent, and not while it waits for the answer. That answer is outdated then, so librdkafka asks
//! again, half a second later, and goes where the second answer says: to the start of the log, with no word of the seek that it has
//! acknowledged. Meanwhile it may have fetched records from where it was to begin. Where a broker takes more than 100 ms to answer,
//! each partition that begins at its end was read from its start.

use std::mem;

use super::PartitionQueue;
use crate::settle::Course;

impl PartitionQueue {
    /// Whether it is for this that offsets go back below `next`; then where librdkafka is to go on.
    ///
    /// It happens once after a seek, and the log still reaches as far as it was read; one that was truncated or recreated does not. Should
    /// one have grown as far again by now, it is followed when it goes back once more.
    pub(super) fn is_overridden(&mut self, next: Option<i64>, course: &Course) -> Option<i64> {
        if !course.goes_back || course.has_errors {
            return None;
        }
        let next = next.filter(|_| mem::take(&mut self.may_be_overridden))?;
        let end = self.position.end_of_the_log(&self.queue.client);
        end.is_some_and(|end| next <= end).then_some(next)
    }
}
