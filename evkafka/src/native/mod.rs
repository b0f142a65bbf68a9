//! The only module with `unsafe` code: what evkafka needs of librdkafka and rdkafka's safe interface lacks.
//!
//! - [`PartitionQueue`]: takes records from one partition in batches, without a copy;
//! - [`Batch`]: the records taken, each destroyed once it is settled;
//! - [`NativeHeaders`]: headers of any bytes (rdkafka's own iterator panics on a name that is not UTF-8);
//! - [`CommitQueue`]: commits of explicit offsets whose answers can be awaited with a deadline;
//! - [`produce`]: sends a record with headers of any bytes.
//!
//! # The invariant that all of it rests on
//! None of these objects may be used after their librdkafka client was destroyed. Each of them holds a clone of the
//! client's [`ClientHandle`]; [`OwnedClient`] destroys the client only when no clone is left, and leaks it otherwise.
#![allow(unsafe_code)]

mod batch;
mod client;
mod commit;
mod headers;
mod produce;
mod queue;

pub(crate) use self::{
    batch::{Batch, Entry, Message},
    client::{ClientHandle, OwnedClient},
    commit::{CommitEntry, CommitQueue, CommitReply},
    headers::NativeHeaders,
    produce::{RawRecord, produce},
    queue::PartitionQueue,
};
