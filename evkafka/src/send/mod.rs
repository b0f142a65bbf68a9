//! Sending records: events, dead letters, and what tests send to the embedded cluster.
//!
//! Nothing in here knows of consumers.

mod again;
mod call;
mod client;
mod client_events;
mod cloud_events;
mod counts;
mod enqueued;
mod error;
mod form;
mod outlet;
mod outlets;
mod producer;
mod raw_producer;
mod refusal;
mod reliable_producer;
mod sender;
mod stamp;

#[cfg(feature = "embedded")]
pub(crate) use self::raw_producer::RawProducer;
pub(crate) use self::{
    again::{Again, Then},
    form::{NoTopic, RecordForm},
    outlet::{Extras, Outlet, OwnHeader},
    outlets::{Destination, Outlets, Place},
    raw_producer::LARGEST_RECORD,
    reliable_producer::{Refused, ReliableProducer, Sends},
    stamp::Stamp,
};
pub use self::{
    call::{Delivered, Sending},
    error::{SendError, SendErrorKind},
    producer::Producer,
    sender::Sender,
};
