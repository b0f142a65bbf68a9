//! From a payload's bytes to the event struct of the handler that matched.
//!
//! Decoding is one call of `serde_json`. Everything that explains a failure (where in the document it is, what the bytes look like
//! instead of JSON) is found out afterwards, from the error's position and the bytes alone: a record that decodes pays nothing for it, and
//! an event type is compiled for one deserializer only.

mod error;
mod foreign;
mod json;
mod path;
mod type_name;

pub use self::error::{DecodeError, DecodeErrorKind};

use serde::Deserialize;

use crate::record::Record;

/// Decodes a record's payload into `T`, which may borrow from it.
pub(crate) fn payload<'r, T: Deserialize<'r>>(record: &Record<'r>) -> Result<T, DecodeError> {
    match record.payload() {
        Some(bytes) => json::from_slice(bytes),
        None => from_null(),
    }
}

/// A null payload is "no value" to serde: `Option<T>` becomes `None`, and a type that needs a value says so.
fn from_null<'r, T: Deserialize<'r>>() -> Result<T, DecodeError> {
    T::deserialize(serde::de::value::UnitDeserializer::<serde::de::value::Error>::new())
        .map_err(|_| DecodeError::null::<T>())
}
