//! Which event a record is: where its type and version are read, and where its payload is.
//!
//! A consumer's [`EventTypes`] are a list of [places](Place), of which the first that answers wins. All of it is a function of the record and
//! knows nothing of Kafka's client. The names are borrowed from the record; an envelope around the payload is noted when the type is
//! read, and [opened](EventIdentity::open) only for a record that has a handler.

mod answer;
mod cloud_events;
mod fault;
mod header;
mod json;
mod lists;
mod place;
mod source;
mod types;
mod version;
#[cfg(feature = "testing")]
mod write;

pub use self::source::EventTypeSource;
#[cfg(feature = "testing")]
pub(crate) use self::write::{Clash, Inscription};
pub(crate) use self::{
    answer::EventIdentity,
    fault::PlaceFault,
    place::{KINDS, Place},
    types::EventTypes,
    version::{VERSION_KINDS, VersionPlace},
};
