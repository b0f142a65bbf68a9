//! What librdkafka's clients say, understood: their log, without secrets, their errors, and their statistics.
//!
//! It is below everything that has a client: the engine's members and lanes, and what sends records.

mod denial;
mod kafka_error;
mod log;
mod sparse;
mod statistics;
mod troubles;

pub(crate) use self::{
    denial::Denial,
    kafka_error::{CommitAnswer, Fault, JoinAnswer, MemberAnswer, ReadAnswer, TopicAnswer, WriteAnswer},
    log::{ClientLog, ClientReports},
    sparse::{Lasting, Sparse},
    statistics::{Reported, Standing, Statistics},
    troubles::{IsOver, Lasts, Troubles},
};
