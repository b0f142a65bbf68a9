//! What librdkafka's clients say, understood: their log, without secrets, and their errors.
//!
//! It is below everything that has a client: the engine's members and lanes, and what sends records.

mod denial;
mod kafka_error;
mod log;
mod sparse;
mod troubles;

pub(crate) use self::{
    denial::Denial,
    kafka_error::{CommitAnswer, Fault, JoinAnswer, MemberAnswer, ReadAnswer, TopicAnswer, WriteAnswer},
    log::ClientLog,
    sparse::{Lasting, Sparse},
    troubles::{IsOver, Lasts, Troubles},
};
