//! From a payload's bytes to the event struct of the handler that matched.
//!
//! Decoding is one call of `serde_json`. Everything that explains a failure (where in the document it is, what the bytes look like
//! instead of JSON) is found out afterwards, from the error's position and the bytes alone: a record that decodes pays nothing for it, and
//! an event type is compiled for one deserializer only.

mod envelope;
mod error;
mod foreign;
mod json;
mod path;
mod type_name;

pub(crate) use self::envelope::{Content, Envelope};
pub use self::error::{DecodeError, DecodeErrorKind};

use serde::Deserialize;

/// Why there is no payload to decode.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Absent<'r> {
    /// It is null.
    Null,
    /// Its envelope has none, as it may.
    NotIn(Envelope),
    /// Its envelope has a fault, and what that is.
    Unreadable(Envelope, &'r str),
}

impl Absent<'_> {
    /// # Errors
    /// If it cannot be told whether there is one. `T` is what it is for.
    #[cold]
    pub(crate) fn check<T>(self) -> Result<(), DecodeError> {
        match self {
            Self::Null | Self::NotIn(_) => Ok(()),
            Self::Unreadable(..) => Err(DecodeError::absent::<T>(self)),
        }
    }
}

/// Decodes a payload into `T`, which may borrow from it.
pub(crate) fn payload<'r, T: Deserialize<'r>>(
    payload: Option<&'r [u8]>,
    absent: impl FnOnce() -> Absent<'r>,
) -> Result<T, DecodeError> {
    match payload {
        Some(bytes) => json::from_slice(bytes),
        None => from_null(absent),
    }
}

/// A null payload is "no value" to serde: `Option<T>` becomes `None`, and a type that needs a value says so.
#[cold]
#[inline(never)]
fn from_null<'r, T: Deserialize<'r>>(absent: impl FnOnce() -> Absent<'r>) -> Result<T, DecodeError> {
    let absent = absent();
    absent.check::<T>()?;
    T::deserialize(serde::de::value::UnitDeserializer::<serde::de::value::Error>::new())
        .map_err(|_| DecodeError::absent::<T>(absent))
}
