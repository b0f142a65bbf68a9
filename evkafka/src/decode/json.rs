use std::{any::type_name, error::Error, fmt};

use serde::Deserialize;

use super::{DecodeError, foreign::Foreign, path};
use crate::error::one_line;

/// JSON by way of `serde_json`: nesting deeper than 128 levels and trailing characters are errors.
#[inline]
pub(super) fn from_slice<'r, T: Deserialize<'r>>(bytes: &'r [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(|error| explain(type_name::<T>(), bytes, error))
}

/// The same, of a type of our own: no handler has asked for it.
pub(super) fn untyped<'r, T: Deserialize<'r>>(bytes: &'r [u8]) -> Result<T, JsonError> {
    serde_json::from_slice(bytes).map_err(|error| JsonError::new(bytes, error))
}

#[cold]
#[inline(never)]
fn explain(target: &'static str, bytes: &[u8], error: serde_json::Error) -> DecodeError {
    if bytes.is_empty() {
        return DecodeError::empty(target);
    }
    DecodeError::json(target, JsonError::new(bytes, error))
}

/// How many bytes `serde_json` had read. `None` if the error has no position, or one that is not in the payload: a type's own
/// error can say anything.
fn offset(bytes: &[u8], error: &serde_json::Error) -> Option<usize> {
    let mut begin = 0;
    for _ in 1..error.line() {
        begin += bytes.get(begin..)?.iter().position(|byte| *byte == b'\n')? + 1;
    }
    let end = begin.checked_add(error.column())?;
    (error.line() > 0 && end <= bytes.len()).then_some(end)
}

/// `serde_json`'s error, without what it repeats of the payload: values may be personal data, and whoever sent them could fill the log
/// with them, and disturb terminals. It is one line, and not long.
pub(super) struct JsonError {
    error: serde_json::Error,
    path: String,
    foreign: Option<Foreign>,
}

/// The most characters of a message.
const LIMIT: usize = 300;

impl JsonError {
    #[cold]
    fn new(bytes: &[u8], error: serde_json::Error) -> Self {
        let path = match offset(bytes, &error) {
            Some(end) if error.is_data() => path::to(bytes, end),
            _ => String::new(),
        };
        Self { error, path, foreign: Foreign::recognize(bytes) }
    }

    /// Whether the payload is JSON, but not of the type that was asked for.
    pub(super) fn is_mismatch(&self) -> bool {
        self.error.is_data()
    }

    /// The path to the value that the error is about; empty if that is the whole payload.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// `serde_json`'s own words, with what they repeat of the payload.
    pub(super) fn with_values(&self) -> String {
        let position = self.position();
        let text = self.error.to_string();
        let message = text.strip_suffix(&position).unwrap_or(&text);
        format!("{}{}{position}", self.place(), cut(message))
    }

    fn place(&self) -> String {
        if self.path.is_empty() { String::new() } else { format!("`{}`: ", self.path) }
    }

    fn position(&self) -> String {
        match self.error.line() {
            0 => String::new(),
            line => format!(" at line {line} column {}", self.error.column()),
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.position();
        let text = self.error.to_string();
        let message = text.strip_suffix(&position).unwrap_or(&text);
        if let Some(foreign) = &self.foreign {
            write!(f, "{foreign}: ")?;
        }
        // What is said about the syntax is one of a fixed set of texts.
        let message = if self.error.is_data() { without_values(message) } else { message.to_owned() };
        write!(f, "{}{}{position}", self.place(), cut(&message))
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonError").field(&self.to_string()).finish()
    }
}

impl Error for JsonError {}

/// One line, and not a long one.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LIMIT) {
        None => one_line(text),
        Some((end, _)) => format!("{}…", one_line(&text[..end])),
    }
}

/// What a value may be called in serde's messages, in front of the value.
const KINDS: &[&str] = &[
    "string",
    "integer",
    "floating point",
    "boolean",
    "character",
    "null",
    "map",
    "sequence",
    "byte array",
    "unit value",
    "Option value",
    "enum",
    "newtype struct",
    "unit variant",
    "newtype variant",
    "tuple variant",
    "struct variant",
];

/// What is said of an error whose words are a type's own.
const HIDDEN: &str = "rejected by the type's own `Deserialize` (its message may contain payload values: see `DecodeError::with_values`)";

/// A message without the values in it. serde's derived code has a few forms of messages; what it expected comes from the type, and is
/// behind the last `, expected `, whatever the value in front of it has in it.
fn without_values(message: &str) -> String {
    let expected = message.rfind(", expected ").map(|at| &message[at..]);
    if let Some((what, found)) = ["invalid type", "invalid value"]
        .iter()
        .find_map(|what| Some((what, message.strip_prefix(what)?.strip_prefix(": ")?)))
    {
        let Some(expected) = expected else { return HIDDEN.to_owned() };
        let kind = KINDS
            .iter()
            .find(|kind| found.strip_prefix(**kind).is_some_and(|rest| rest.starts_with([' ', ','])));
        return match kind {
            Some(&"string") if expected == ", expected a borrowed string" => {
                "a string with escapes cannot be borrowed as `&str` (take `#[serde(borrow)] Cow<'a, str>`, or `String`)".to_owned()
            }
            Some(kind) => format!("{what}: {kind}{expected}"),
            None => format!("{what}{expected}"),
        };
    }
    for (what, none) in
        [("unknown field", ", there are no fields"), ("unknown variant", ", there are no variants")]
    {
        if message.strip_prefix(what).is_some_and(|rest| rest.starts_with(" `")) {
            let rest = expected.unwrap_or(if message.ends_with(none) { none } else { "" });
            return format!("{what}{rest}");
        }
    }
    let is_name = |name: &str| !name.is_empty() && !name.contains(['`', ' ']);
    let is_static = if let Some(rest) = message.strip_prefix("invalid length ") {
        rest.split_once(", expected ").is_some_and(|(len, _)| len.bytes().all(|byte| byte.is_ascii_digit()))
    } else if let Some(name) =
        message.strip_prefix("missing field `").or_else(|| message.strip_prefix("duplicate field `"))
    {
        name.strip_suffix('`').is_some_and(is_name)
    } else {
        message.strip_prefix("data did not match any variant of untagged enum ").is_some_and(is_name)
    };
    if is_static { message.to_owned() } else { HIDDEN.to_owned() }
}
