//! What is counted, timed and measured, always.
//!
//! - A lane counts in [plain numbers of its own](LaneNumbers), by event, and adds them to those of its [topic](TopicNumbers): in each of
//!   its turns, when its handler has to wait, and else a millisecond after the last time at most. Between two handlers it reads
//!   the clock once: the end of one call is the beginning of the next.
//! - What fails, and what happens to members and commits, is counted [for the consumer](ConsumerNumbers) where it happens.
//! - What a partition has at a moment (records in flight, the oldest of them) stands in the [gauges](Gauges) of its lane's control.
//!
//! The counts of a topic have no partition: they stay when a partition is revoked, and never decrease.

mod clock;
mod consumer;
mod gauges;
mod histogram;
mod lane;
mod partition;
mod topic;

pub(super) use self::{
    clock::{Clock, Moment},
    consumer::ConsumerNumbers,
    gauges::{Gauges, UnderWay, WaitingCall},
    lane::LaneNumbers,
    topic::TopicNumbers,
};
