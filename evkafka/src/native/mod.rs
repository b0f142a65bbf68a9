//! The only module with `unsafe` code: what evkafka needs of librdkafka and rdkafka's safe interface lacks.
//!
//! - [`PartitionQueue`]: takes records from one partition, many at a time and without a copy;
//! - [`Fetch`]: the records taken, each given up once it is settled;
//! - `Retired`: records that were given up, until the thread that allocated them frees them;
//! - [`NativeHeaders`]: headers of any bytes (rdkafka's own iterator panics on a name that is not UTF-8);
//! - [`CommitQueue`]: commits of explicit offsets whose answers can be awaited with a deadline;
//! - [`OwnedClient`]: a consumer that is polled and assigned by functions of ours, and its [`Event`]s;
//! - [`metadata`]: what a cluster says of its topics, with errors of any number;
//! - [`committed`]: what is committed, with its metadata (rdkafka's safe interface takes that for UTF-8);
//! - [`list_offsets`]: where logs start and end, or have come to at a time, for many partitions at once; [`seek`]: has librdkafka fetch from elsewhere;
//! - `Position`: where librdkafka takes the application to be; [`fetched_log`]: where it takes the log to begin and end;
//! - [`monotonic_nanos`]: the system's clock, read for each record that is handled;
//! - [`OwnedProducer`]: a producer that is polled by functions of ours, and sends [records](RawRecord) with headers of any bytes, and
//!   has their deliveries [answered](Answer), one by one or in an [`Inbox`];
//! - `signals`: SIGINT and SIGTERM, which are given back;
//! - `set_group_timing`: settings of the mock cluster, for `embedded`.
//!
//! # The invariant that all of it rests on
//! None of these objects may be used after their librdkafka client was destroyed. Each of them holds a clone of the
//! client's [`ClientHandle`]; [`OwnedClient`] destroys the client only when no clone is left, and waits for that.
//! An [`OwnedProducer`] has no such objects.
#![allow(unsafe_code)]

mod answer;
mod client;
mod commit;
mod committed;
mod error_code;
mod event;
mod fetch;
#[cfg(fuzzing)]
mod fuzzing;
mod handle;
mod headers;
mod list;
mod list_offsets;
mod message;
mod metadata;
mod millis;
#[cfg(feature = "embedded")]
mod mock;
mod monotonic;
mod outdated;
mod position;
mod produce;
mod producer;
mod queue;
mod raw_queue;
mod retired;
mod seek;
#[cfg(unix)]
pub(crate) mod signals;
mod standing;
#[cfg(test)]
mod test_mock;

#[cfg(test)]
pub(crate) use self::error_code::all_error_codes;
#[cfg(fuzzing)]
pub use self::fuzzing::headers_of;
#[cfg(feature = "embedded")]
pub(crate) use self::mock::{GroupTiming, set_group_timing};
pub(crate) use self::{
    answer::{Answer, Delivery, Inbox, Ticket, Unawaited},
    client::OwnedClient,
    commit::{CommitEntry, CommitQueue, CommitReply},
    committed::{Committed, committed},
    event::{ClientFailure, Event},
    fetch::{Fetch, MESSAGE_BYTES},
    handle::ClientHandle,
    headers::NativeHeaders,
    list::PartitionList,
    list_offsets::{Place, list_offsets, list_offsets_apart, query_offsets},
    message::{Entry, Message, PartitionError},
    metadata::metadata,
    monotonic::monotonic_nanos,
    position::fetched_log,
    produce::{RawHeader, RawRecord},
    producer::OwnedProducer,
    queue::{PartitionQueue, StartsOver},
    seek::seek,
};
