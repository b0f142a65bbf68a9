use std::convert::Infallible;

use crate::handle::{Context, FromContext, OptionalFromContext};

/// The event type of the record: which of several events it is, or what a fallback was given. It is the name that handlers have for it
/// ([`event_names`](crate::ConsumerConfig::event_names)), without its version.
///
/// A fallback also gets records without an event type, or with one that is not UTF-8: take `Option<EventType<'_>>` there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType<'r>(pub &'r str);

/// The record has no event type, or one that is not UTF-8.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the record has no readable event type (take `Option<EventType<'_>>`)")]
pub struct MissingEventType(());

impl<'r> FromContext<'r> for EventType<'r> {
    type Rejection = MissingEventType;

    fn from_context(context: &Context<'r>) -> Result<Self, MissingEventType> {
        read(context).ok_or(MissingEventType(()))
    }
}

impl<'r> OptionalFromContext<'r> for EventType<'r> {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Option<Self>, Infallible> {
        Ok(read(context))
    }
}

fn read<'r>(context: &Context<'r>) -> Option<EventType<'r>> {
    str::from_utf8(context.event_type()?).ok().map(EventType)
}
