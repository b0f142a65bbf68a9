//! The event of a handler that does not name one: that of its argument.

use std::marker::PhantomData;

use super::{Event, EventSpec};
use crate::{decode::DecodeError, route::unique};

/// An event, or what a handler takes it in.
#[doc(hidden)]
pub trait Taken {
    #[doc(hidden)]
    const SPEC: &'static EventSpec;
}

impl<E: Event> Taken for E {
    const SPEC: &'static EventSpec = EventSpec::of::<E>();
}

impl<T: Taken> Taken for Option<T> {
    const SPEC: &'static EventSpec = T::SPEC;
}

impl<T: Taken> Taken for Vec<T> {
    const SPEC: &'static EventSpec = T::SPEC;
}

impl<T: Taken> Taken for Result<T, DecodeError> {
    const SPEC: &'static EventSpec = T::SPEC;
}

/// The event of an argument of type `T`, if it is one. `EventOf::<T>::SPEC` is the constant of the type where there is one, since that
/// takes precedence, and otherwise that of [`NoEvent`].
#[doc(hidden)]
#[derive(Debug)]
pub struct EventOf<T>(PhantomData<T>);

impl<T: Taken> EventOf<T> {
    #[doc(hidden)]
    pub const SPEC: Option<&'static EventSpec> = Some(T::SPEC);
}

/// For arguments that are no events.
#[doc(hidden)]
pub trait NoEvent {
    #[doc(hidden)]
    const SPEC: Option<&'static EventSpec> = None;
}

impl<T> NoEvent for EventOf<T> {}

/// The first of the events that a handler's arguments are; without one a stand-in of that name, which [`check`] does not
/// let through.
#[doc(hidden)]
pub const fn first(events: &[Option<&'static EventSpec>], stand_in: &'static str) -> EventSpec {
    let mut index = 0;
    while index < events.len() {
        if let Some(event) = events[index] {
            return *event;
        }
        index += 1;
    }
    EventSpec { name: stand_in, version: None, topic: None }
}

/// Stops the compilation if no argument of a handler is an event, or the event has no name that a record could have.
///
/// # Panics
/// In that case, with a message that says what to write.
#[doc(hidden)]
#[track_caller]
pub const fn check(events: &[Option<&'static EventSpec>]) {
    let mut has_event = false;
    let mut index = 0;
    while index < events.len() {
        has_event |= events[index].is_some();
        index += 1;
    }
    assert!(
        has_event,
        "no argument of this handler is an event: derive `evkafka::Event` for the payload's type, or name the event, \
         `#[handler(event = \"OrderCreated\")]`; `#[handler(fallback)]` takes what no other handler does"
    );
    unique::check_name(&[first(events, "").name], 0);
}

/// Stops the compilation if the argument at `index` is an event, and one before it is too. Two payloads are refused as such.
///
/// # Panics
/// In that case, with a message that says what to write.
#[doc(hidden)]
#[track_caller]
pub const fn check_only(events: &[Option<&'static EventSpec>], are_payloads: &[bool], index: usize) {
    let mut before = 0;
    while events[index].is_some() && before < index {
        assert!(
            events[before].is_none() || (are_payloads[before] && are_payloads[index]),
            "a second argument that is an event: name the one that the handler is for, `#[handler(event = OrderCreated::NAME)]`"
        );
        before += 1;
    }
}
