use serde::Deserialize;

use super::DecodeError;

/// JSON by way of `serde_json`: nesting deeper than 128 levels and trailing characters are errors.
pub(super) fn from_slice<'r, T: Deserialize<'r>>(bytes: &'r [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(DecodeError::json::<T>)
}
