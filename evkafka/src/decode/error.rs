use std::{any::type_name, error::Error, fmt, str::Utf8Error};

use super::json::JsonError;

/// Why a payload did not become the event that its handler asked for.
///
/// It is not retried: the bytes would not decode the next time either. What it says of the payload is one line, and not long, for
/// the log.
#[derive(Debug)]
pub struct DecodeError {
    target: &'static str,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Null,
    Json(JsonError),
    Text(Utf8Error),
}

/// What kind of fault a [`DecodeError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The payload is null (a tombstone), and the type needs a value.
    Null,
    /// The payload is not well formed: truncated, nested too deeply, followed by something else, not UTF-8.
    Malformed,
    /// The payload is well formed, but not of this type: a field is missing or has another type.
    Mismatch,
}

impl DecodeError {
    pub(crate) fn null<T>() -> Self {
        Self { target: type_name::<T>(), cause: Cause::Null }
    }

    pub(super) fn json<T>(error: JsonError) -> Self {
        Self { target: type_name::<T>(), cause: Cause::Json(error) }
    }

    pub(crate) fn text(error: Utf8Error) -> Self {
        Self { target: "UTF-8 text", cause: Cause::Text(error) }
    }

    /// What kind of fault it is.
    pub fn kind(&self) -> DecodeErrorKind {
        match &self.cause {
            Cause::Null => DecodeErrorKind::Null,
            Cause::Json(error) if error.is_mismatch() => DecodeErrorKind::Mismatch,
            Cause::Json(_) | Cause::Text(_) => DecodeErrorKind::Malformed,
        }
    }

    /// The full name of the type that was asked for.
    pub fn target(&self) -> &'static str {
        self.target
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::Null => {
                write!(f, "the payload is null, and `{0}` needs a value (take `Option<{0}>`)", self.target)
            }
            Cause::Json(_) | Cause::Text(_) => write!(f, "the payload is not a valid `{}`", self.target),
        }
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Null => None,
            Cause::Json(error) => Some(error),
            Cause::Text(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{decode, error::Chain, record::OwnedRecord};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[allow(dead_code, reason = "decoding it is the point")]
        id: u64,
    }

    fn text_of_the_error(payload: String) -> String {
        let record = OwnedRecord::new("orders", 0, 7).payload(payload);
        let error = decode::payload::<Order>(&record.as_record()).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::Mismatch);
        Chain(&error).to_string()
    }

    #[test]
    fn the_text_of_an_error_is_one_short_line_whatever_the_payload_has_in_it() {
        let long = "x".repeat(100_000);
        for payload in [
            format!("{{\"{long}\":1}}"),
            format!("{{\"id\":\"{long}\"}}"),
            r#"{"a\n\u001b[31m":1}"#.to_owned(),
        ] {
            let text = text_of_the_error(payload);
            assert!(
                text.len() < 1_000 && !text.chars().any(char::is_control),
                "{} bytes: {text:?}",
                text.len()
            );
            assert!(text.contains(" at line 1 column "), "{text}");
        }
    }
}
