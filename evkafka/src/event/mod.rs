//! Events that are sent: what a type knows of itself, and how it becomes a record.

mod events;
mod into_events;
mod key;
mod outgoing;
mod spec;
#[doc(hidden)]
pub mod taken;

pub(crate) use self::outgoing::{Encoded, EncodedName};
pub use self::{
    events::Events,
    into_events::{IntoEvents, Outbox},
    key::{EventKey, ToKey},
    outgoing::{EncodeError, Outgoing},
    spec::EventSpec,
};

/// A type whose values are events: it knows its name, and where and under which key it is sent.
///
/// `#[derive(Event)]` implements it. The name is that of the type, unless it is given another; everything else is optional.
///
/// ```
/// use evkafka::Event;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(name = "billing.OrderPriced", version = 2, topic = "prices", key = id)]
/// struct OrderPriced {
///     id: u64,
///     gross: u64,
/// }
///
/// assert_eq!(OrderPriced::NAME, "billing.OrderPriced");
/// assert_eq!(OrderPriced::TOPIC, Some("prices"));
/// ```
///
/// An event that is only consumed need not be [`Serialize`](serde::Serialize). For a type that cannot have a derive, because it is
/// generated or another crate's, implement the trait:
///
/// ```
/// use evkafka::{Event, event::EventKey};
///
/// struct PageViewed {
///     visitor: String,
/// }
///
/// impl Event for PageViewed {
///     const NAME: &'static str = "PageViewed";
///     const TOPIC: Option<&'static str> = Some("views");
///
///     fn key(&self, key: &mut EventKey<'_>) {
///         key.set(&self.visitor);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "derive it: `#[derive(serde::Serialize, evkafka::Event)]`, with `#[event(topic = \"…\", key = …)]` for where it is sent"
)]
pub trait Event {
    /// The event type, which is what consumers route by.
    const NAME: &'static str;

    /// The version of the event type, if it has one.
    const VERSION: Option<u32> = None;

    /// The topic that it is sent to, unless a call says otherwise. Without one it is sent to its producer's.
    const TOPIC: Option<&'static str> = None;

    /// Sets the record's key. Records of one key go to one partition, in order. Default: no key.
    fn key(&self, key: &mut EventKey<'_>) {
        let _ = key;
    }
}

/// A reference to an event is one.
impl<E: Event + ?Sized> Event for &E {
    const NAME: &'static str = E::NAME;
    const VERSION: Option<u32> = E::VERSION;
    const TOPIC: Option<&'static str> = E::TOPIC;

    fn key(&self, key: &mut EventKey<'_>) {
        (**self).key(key);
    }
}

#[cfg(test)]
mod tests;
