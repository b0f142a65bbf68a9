//! The extractors: arguments of a handler other than its payload.

mod event_type;
mod headers;
mod key;
mod metadata;
mod payload;
mod state;
mod token;

pub use self::{
    event_type::{EventType, MissingEventType},
    key::Key,
    metadata::Metadata,
    payload::{Raw, Text},
    state::{MissingState, State},
    token::CancellationToken,
};
