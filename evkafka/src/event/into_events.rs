use serde::Serialize;

use super::{EncodeError, Event, EventSpec, Outgoing};

/// Where the events that a handler returns are collected.
#[derive(Debug, Default)]
pub struct Outbox(Outgoing);

impl Outbox {
    /// Adds an event, which is encoded at once.
    ///
    /// # Errors
    /// If it cannot be encoded.
    pub fn add<E>(&mut self, event: &E) -> Result<(), EncodeError>
    where
        E: Event + ?Sized,
        for<'s> &'s E: Serialize,
    {
        self.0.push(event, |key| event.key(key))
    }

    pub(crate) fn into_outgoing(self) -> Option<Outgoing> {
        Some(self.0).filter(|outgoing| !outgoing.is_empty())
    }
}

/// What a handler may return to have it sent: an event, or an `Option`, `Vec`, array, `Box` or tuple of events.
///
/// `#[derive(Event)]` implements it for the event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event that can be sent",
    label = "not an event",
    note = "derive `evkafka::Event` and `serde::Serialize` for it"
)]
pub trait IntoEvents {
    /// Puts the events into an outbox, in order.
    ///
    /// # Errors
    /// If one cannot be encoded.
    fn encode(self, outbox: &mut Outbox) -> Result<(), EncodeError>;

    /// Which events there may be; the app is refused at its start if it has no producer for one.
    fn specs(visit: &mut dyn FnMut(&'static EventSpec));
}

impl<T: IntoEvents> IntoEvents for Option<T> {
    fn encode(self, outbox: &mut Outbox) -> Result<(), EncodeError> {
        self.map_or(Ok(()), |events| events.encode(outbox))
    }

    fn specs(visit: &mut dyn FnMut(&'static EventSpec)) {
        T::specs(visit);
    }
}

impl<T: IntoEvents> IntoEvents for Vec<T> {
    fn encode(self, outbox: &mut Outbox) -> Result<(), EncodeError> {
        self.into_iter().try_for_each(|events| events.encode(outbox))
    }

    fn specs(visit: &mut dyn FnMut(&'static EventSpec)) {
        T::specs(visit);
    }
}

impl<T: IntoEvents, const N: usize> IntoEvents for [T; N] {
    fn encode(self, outbox: &mut Outbox) -> Result<(), EncodeError> {
        self.into_iter().try_for_each(|events| events.encode(outbox))
    }

    fn specs(visit: &mut dyn FnMut(&'static EventSpec)) {
        T::specs(visit);
    }
}

impl<T: IntoEvents> IntoEvents for Box<T> {
    fn encode(self, outbox: &mut Outbox) -> Result<(), EncodeError> {
        (*self).encode(outbox)
    }

    fn specs(visit: &mut dyn FnMut(&'static EventSpec)) {
        T::specs(visit);
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))+) => {$(
        impl<$($name: IntoEvents),+> IntoEvents for ($($name,)+) {
            #[expect(non_snake_case, reason = "each part is named as its type")]
            fn encode(self, outbox: &mut Outbox) -> Result<(), EncodeError> {
                let ($($name,)+) = self;
                $($name.encode(outbox)?;)+
                Ok(())
            }

            fn specs(visit: &mut dyn FnMut(&'static EventSpec)) {
                $($name::specs(visit);)+
            }
        }
    )+};
}

tuples!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F));
