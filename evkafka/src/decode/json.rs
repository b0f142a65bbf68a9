use std::{error::Error, fmt};

use serde::Deserialize;

use super::DecodeError;
use crate::error::one_line;

/// JSON by way of `serde_json`: nesting deeper than 128 levels and trailing characters are errors.
pub(super) fn from_slice<'r, T: Deserialize<'r>>(bytes: &'r [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(|error| DecodeError::json::<T>(JsonError(error)))
}

/// `serde_json`'s error, which may repeat what the payload has in it (the name of a field, a string where a number should be).
/// Whoever sent it could fill the log with it, and disturb terminals: so it is shown in one line, and cut where it gets long.
pub(super) struct JsonError(serde_json::Error);

/// The most characters of `serde_json`'s text.
const LIMIT: usize = 300;

impl JsonError {
    /// Whether the payload is JSON, but not of the type that was asked for.
    pub(super) fn is_mismatch(&self) -> bool {
        self.0.is_data()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match text.char_indices().nth(LIMIT) {
            None => f.write_str(&one_line(&text)),
            Some((end, _)) => {
                let (line, column) = (self.0.line(), self.0.column());
                write!(f, "{}… at line {line} column {column}", one_line(&text[..end]))
            }
        }
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonError").field(&self.to_string()).finish()
    }
}

impl Error for JsonError {}
