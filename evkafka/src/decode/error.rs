use std::{any::type_name, error::Error, fmt, str::Utf8Error};

use super::{Absent, Envelope, foreign::Foreign, json::JsonError, type_name::Short};

/// Why a payload did not become the event that its handler asked for.
///
/// It is not retried: the bytes would not decode the next time either.
///
/// What it says is one short line for the log, and holds no value of the payload: the path to the field, the position, the type that was
/// expected, and what the bytes look like if they are not JSON. [`with_values`](Self::with_values) gives all of it.
#[derive(Debug)]
pub struct DecodeError {
    target: &'static str,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Null,
    NotIn(Envelope),
    Empty,
    Envelope(Envelope, String),
    Json(Box<JsonError>),
    Text(Box<TextError>),
}

/// What kind of fault a [`DecodeError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The payload is null (a tombstone), or its envelope has none, and the type needs a value.
    Null,
    /// The payload is there, but of zero bytes: neither JSON nor null.
    Empty,
    /// The payload is not well formed: truncated, nested too deeply, followed by something else, not UTF-8.
    Malformed,
    /// The payload is well formed, but not of this type: a field is missing or has another type.
    Mismatch,
    /// The payload is in an envelope (CloudEvents, MassTransit) that is malformed, or lacks what it must have.
    Envelope,
}

impl DecodeError {
    /// A payload that is not there.
    pub(crate) fn absent<T>(absent: Absent<'_>) -> Self {
        let cause = match absent {
            Absent::Null => Cause::Null,
            Absent::NotIn(envelope) => Cause::NotIn(envelope),
            Absent::Unreadable(envelope, fault) => Cause::Envelope(envelope, fault.to_owned()),
        };
        Self { target: type_name::<T>(), cause }
    }

    pub(super) fn empty(target: &'static str) -> Self {
        Self { target, cause: Cause::Empty }
    }

    pub(super) fn json(target: &'static str, error: JsonError) -> Self {
        Self { target, cause: Cause::Json(Box::new(error)) }
    }

    pub(crate) fn text(bytes: &[u8], error: Utf8Error) -> Self {
        let error = TextError { error, foreign: Foreign::recognize(bytes) };
        Self { target: "UTF-8 text", cause: Cause::Text(Box::new(error)) }
    }

    /// What kind of fault it is.
    pub fn kind(&self) -> DecodeErrorKind {
        match &self.cause {
            Cause::Null | Cause::NotIn(_) => DecodeErrorKind::Null,
            Cause::Envelope(..) => DecodeErrorKind::Envelope,
            Cause::Empty => DecodeErrorKind::Empty,
            Cause::Json(error) if error.is_mismatch() => DecodeErrorKind::Mismatch,
            Cause::Json(_) | Cause::Text(_) => DecodeErrorKind::Malformed,
        }
    }

    /// The full name of the type that was asked for.
    pub fn target(&self) -> &'static str {
        self.target
    }

    /// The path to the value that does not fit its type, such as `lines[2].price`; `None` if that is the payload as a whole, or not known.
    ///
    /// A key that does not look like a name in code (it may be personal data) is shown as `[…]`.
    pub fn path(&self) -> Option<&str> {
        match &self.cause {
            Cause::Json(error) if !error.path().is_empty() => Some(error.path()),
            _ => None,
        }
    }

    /// The whole error in one line, with what the decoder repeats of the payload: values of fields, and what a type's own `Deserialize` has
    /// said. For places where such values may be seen; evkafka never shows this.
    ///
    /// ```
    /// use evkafka::{DecodeError, Outcome, handler};
    ///
    /// #[handler(event = "PriceChanged")]
    /// async fn on_price_changed(price: Result<u32, DecodeError>) -> Outcome {
    ///     match price {
    ///         Ok(_cents) => Outcome::Done,
    ///         Err(error) => {
    ///             eprintln!("{}", error.with_values());
    ///             Outcome::Reject(error.into())
    ///         }
    ///     }
    /// }
    /// ```
    pub fn with_values(&self) -> impl fmt::Display + '_ {
        WithValues(self)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = Short(self.target);
        match &self.cause {
            Cause::Null => {
                write!(f, "the payload is null, and `{target}` needs a value (take `Option<{target}>`)")
            }
            Cause::NotIn(envelope) => write!(
                f,
                "the {envelope} envelope has no data, and `{target}` needs a value (take `Option<{target}>`)"
            ),
            Cause::Envelope(envelope, fault) => {
                write!(f, "the payload cannot be taken out of its {envelope} envelope: {fault}")
            }
            Cause::Empty => write!(
                f,
                "the payload is empty (zero bytes), but `{target}` is decoded from JSON; a tombstone must be null"
            ),
            Cause::Json(_) | Cause::Text(_) => write!(f, "the payload is not a valid `{target}`"),
        }
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Null | Cause::NotIn(_) | Cause::Empty | Cause::Envelope(..) => None,
            Cause::Json(error) => Some(&**error),
            Cause::Text(error) => Some(&**error),
        }
    }
}

/// A decode error with all that its decoder has said.
struct WithValues<'e>(&'e DecodeError);

impl fmt::Display for WithValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        match &error.cause {
            Cause::Json(cause) => write!(f, "{error}: {}", cause.with_values()),
            Cause::Text(cause) => write!(f, "{error}: {cause}"),
            Cause::Null | Cause::NotIn(_) | Cause::Empty | Cause::Envelope(..) => error.fmt(f),
        }
    }
}

/// Bytes that are no UTF-8.
#[derive(Debug)]
struct TextError {
    error: Utf8Error,
    foreign: Option<Foreign>,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(foreign) = &self.foreign {
            write!(f, "{foreign}: ")?;
        }
        self.error.fmt(f)
    }
}

impl Error for TextError {}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, collections::HashMap};

    use serde::{Deserialize, Deserializer, de::Error as _};

    use super::*;
    use crate::{
        decode,
        error::Chain,
        handle::{FromContext, OwnedContext, extract::Text},
        record::OwnedRecord,
    };

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "decoding it is the point")]
    struct Order<'a> {
        id: u64,
        customer: Option<&'a str>,
        #[serde(borrow, default)]
        note: Cow<'a, str>,
        #[serde(default)]
        lines: Vec<Line>,
        #[serde(default)]
        totals: HashMap<String, u32>,
        #[serde(default)]
        payment: Payment,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "decoding it is the point")]
    struct Line {
        sku: Sku,
        price: f64,
        #[serde(default)]
        size: (u8, u8),
    }

    #[derive(Debug, Default, Deserialize)]
    enum Payment {
        #[default]
        Cash,
        Card {
            #[allow(dead_code, reason = "decoding it is the point")]
            digits: u8,
        },
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number { _number: u8 },
    }

    #[derive(Debug)]
    struct Sku;

    impl<'de> Deserialize<'de> for Sku {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = Cow::<str>::deserialize(deserializer)?;
            if text.starts_with("sku-") {
                Ok(Self)
            } else {
                Err(D::Error::custom(format!("`{text}` is no SKU")))
            }
        }
    }

    fn decoded<'r, T: Deserialize<'r>>(record: &'r OwnedRecord) -> Result<T, DecodeError> {
        decode::payload(record.as_record().payload(), || Absent::Null)
    }

    fn fault<T: for<'r> Deserialize<'r>>(payload: impl Into<Vec<u8>>) -> DecodeError {
        fault_of(payload, |record| decoded::<T>(record).err())
    }

    fn fault_of(
        payload: impl Into<Vec<u8>>,
        decode: impl Fn(&OwnedRecord) -> Option<DecodeError>,
    ) -> DecodeError {
        decode(&OwnedRecord::new("orders", 0, 7).payload(payload)).expect("a payload that does not decode")
    }

    fn order(payload: impl Into<Vec<u8>>) -> DecodeError {
        fault_of(payload, |record| decoded::<Order<'_>>(record).err())
    }

    #[test]
    fn says_path_position_and_expected_type_and_never_a_value() {
        for (payload, path, text) in [
            (r#"{"id":"SECRET"}"#, "id", "`id`: invalid type: string, expected u64 at line 1 column "),
            (r#"{"id":-4711}"#, "id", "`id`: invalid value: integer, expected u64 at line 1 column "),
            (
                "{\"id\":1,\n\"lines\":[{\"sku\":\"sku-1\",\"price\":1},\n{\"sku\":\"sku-2\",\"price\":\"SECRET\"}]}",
                "lines[1].price",
                "`lines[1].price`: invalid type: string, expected f64 at line 3 column ",
            ),
            (
                r#"{"id":1,"lines":[{"sku":"sku-1","price":true}]}"#,
                "lines[0].price",
                "`lines[0].price`: invalid type: boolean, expected f64 at line 1 column ",
            ),
            (
                r#"{"id":1,"lines":[{"sku":"sku-1"}]}"#,
                "lines[0]",
                "`lines[0]`: missing field `price` at line 1 column ",
            ),
            (r#"{"lines":[]}"#, "", "missing field `id` at line 1 column "),
            (r#"{"id":1,"id":2}"#, "id", "`id`: duplicate field `id` at line 1 column "),
            (
                r#"{"id":1,"lines":4711}"#,
                "lines",
                "`lines`: invalid type: integer, expected a sequence at line 1 column ",
            ),
            (
                r#"{"id":1,"lines":[{"sku":"sku-1","price":1,"size":[1]}]}"#,
                "lines[0].size",
                "`lines[0].size`: invalid length 1, expected a tuple of size 2 at line 1 column ",
            ),
            (
                r#"{"id":1,"lines":[{"sku":"sku-1","price":1,"size":[1,4711]}]}"#,
                "lines[0].size[1]",
                "`lines[0].size[1]`: invalid value: integer, expected u8 at line 1 column ",
            ),
            (
                r#"{"id":1,"lines":[{"sku":"SECRET","price":1}]}"#,
                "lines[0].sku",
                "`lines[0].sku`: rejected by the type's own `Deserialize` (its message may contain payload values: \
                 see `DecodeError::with_values`) at line 1 column ",
            ),
            (
                r#"{"id":1,"totals":{"net":7,"SECRET SECRET":4294967296}}"#,
                "totals[…]",
                "`totals[…]`: invalid value: integer, expected u32 at line 1 column ",
            ),
            (
                r#"{"id":1,"payment":"SECRET"}"#,
                "payment",
                "`payment`: unknown variant, expected `Cash` or `Card` at line 1 column ",
            ),
            (
                r#"{"id":1,"payment":{"Card":{"digits":"SECRET"}}}"#,
                "payment.Card.digits",
                "`payment.Card.digits`: invalid type: string, expected u8 at line 1 column ",
            ),
            (
                r#"{"id":1,"colour":7}"#,
                "colour",
                "`colour`: unknown field, expected one of `id`, `customer`, `note`, `lines`, `totals`, `payment` at line 1 column ",
            ),
            (
                r#"{"id":1,"SECRET, expected 7":7}"#,
                "[…]",
                "`[…]`: unknown field, expected one of `id`, `customer`, `note`, `lines`, `totals`, `payment` at line 1 column ",
            ),
            (
                r#"{"id":"SECRET, expected SECRET"}"#,
                "id",
                "`id`: invalid type: string, expected u64 at line 1 column ",
            ),
            (r#"["SECRET"]"#, "[0]", "`[0]`: invalid type: string, expected u64 at line 1 column "),
            ("4711", "", "invalid type: integer, expected struct Order at line 1 column "),
            (r#"{"id":1,"#, "", "EOF while parsing a value at line 1 column "),
            (r#"{"id":1} SECRET"#, "", "trailing characters at line 1 column "),
        ] {
            let error = order(payload);
            let cause = error.source().expect("a cause").to_string();
            assert_eq!(cause.trim_end_matches(|c: char| c.is_ascii_digit()), text, "{payload}");
            assert_eq!(error.path().unwrap_or_default(), path, "{payload}");
            let shown = format!("{} {error:?}", Chain(&error));
            assert!(!shown.contains("SECRET") && !shown.contains("4711"), "{shown}");
            assert!(shown.starts_with("the payload is not a valid `Order"), "{shown}");
        }
        let two_lines = order("{\n\"id\": true}").source().map(ToString::to_string);
        assert_eq!(
            two_lines.as_deref(),
            Some("`id`: invalid type: boolean, expected u64 at line 2 column 10")
        );
        let either = fault::<Either>("4711").source().map(ToString::to_string);
        assert_eq!(either.as_deref(), Some("data did not match any variant of untagged enum Either"));
    }

    #[test]
    fn the_values_are_there_for_who_asks() {
        let error = order(r#"{"id":1,"lines":[{"sku":"blue","price":1}]}"#);
        let text = error.with_values().to_string();
        assert!(text.ends_with("`lines[0].sku`: `blue` is no SKU at line 1 column 30"), "{text}");
        assert!(order(r#"{"id":"x"}"#).with_values().to_string().contains(r#"string "x", expected u64"#));
    }

    #[test]
    fn an_error_of_a_types_own_that_makes_up_a_position_is_no_panic() {
        for made_up in
            ["at line 4 column 18446744073709551615", "at line 99999 column 1", "at line 1 column 7000"]
        {
            let error = order(format!(r#"{{"id":1,"lines":[{{"sku":"{made_up}","price":1}}]}}"#));
            assert_eq!(error.kind(), DecodeErrorKind::Mismatch);
            let _ = (Chain(&error).to_string(), error.with_values().to_string());
        }
    }

    #[test]
    fn a_string_with_escapes_that_is_to_be_borrowed_is_told_with_the_type_that_takes_it() {
        for value in [r#"M\u00fcller"#, r"two\nlines", r#"a \"quote\""#] {
            let error = order(format!(r#"{{"id":1,"customer":"{value}"}}"#));
            let text = Chain(&error).to_string();
            assert!(
                text.contains("`customer`: a string with escapes cannot be borrowed as `&str` (take `#[serde(borrow)] Cow<'a, str>`, or `String`) at line 1"),
                "{text}"
            );
            let record = OwnedRecord::new("orders", 0, 7).payload(format!(r#"{{"id":1,"note":"{value}"}}"#));
            let order: Order<'_> = decoded(&record).expect("a `Cow` takes it");
            assert!(matches!(order.note, Cow::Owned(_)));
        }
        let record = OwnedRecord::new("orders", 0, 7).payload(r#"{"id":1,"note":"plain"}"#);
        let order: Order<'_> = decoded(&record).unwrap();
        assert!(matches!(order.note, Cow::Borrowed("plain")), "what has no escapes is borrowed");
        // What is no string at all gets no such advice.
        assert!(
            !Chain(&fault_of(r#"{"id":1,"customer":7}"#, |record| { decoded::<Order<'_>>(record).err() }))
                .to_string()
                .contains("Cow")
        );
    }

    #[test]
    fn empty_is_told_from_null_for_an_option_too() {
        let null = OwnedRecord::new("orders", 0, 7);
        let error = decoded::<u64>(&null).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::Null);
        assert_eq!(error.to_string(), "the payload is null, and `u64` needs a value (take `Option<u64>`)");
        assert_eq!(decoded::<Option<u64>>(&null).unwrap(), None);
        for (error, target) in [(fault::<u64>(""), "u64"), (fault::<Option<String>>(""), "Option<String>")] {
            assert_eq!(error.kind(), DecodeErrorKind::Empty);
            assert_eq!(
                Chain(&error).to_string(),
                format!(
                    "the payload is empty (zero bytes), but `{target}` is decoded from JSON; a tombstone must be null"
                )
            );
        }
    }

    #[test]
    fn what_the_bytes_are_instead_is_told() {
        for (payload, text) in [
            (&b"\0\0\0\0\x2aSECRET"[..], "Confluent's wire format (schema id 42)"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (b"{\0\"\0i\0", "UTF-16"),
            (b"\x1f\x8b\x08\0", "compressed data (gzip)"),
        ] {
            let error = order(payload);
            assert_eq!(error.kind(), DecodeErrorKind::Malformed);
            let shown = Chain(&error).to_string();
            assert!(shown.contains(text) && !shown.contains("SECRET"), "{shown}");
        }
        let context = OwnedContext::new(OwnedRecord::new("orders", 0, 7).payload(&b"\x1f\x8b\x08\0"[..]));
        let error = Text::from_context(&context.as_context()).unwrap_err();
        let shown = Chain(&error).to_string();
        assert!(
            shown
                .starts_with("the payload is not a valid `UTF-8 text`: it looks like compressed data (gzip)"),
            "{shown}"
        );
    }

    #[test]
    fn the_text_of_an_error_is_one_short_line_whatever_the_payload_has_in_it() {
        let long = "x".repeat(100_000);
        for payload in [
            format!("{{\"{long}\":1}}"),
            format!("{{\"id\":\"{long}\"}}"),
            r#"{"a\n\u001b[31m":1}"#.to_owned(),
        ] {
            let error = order(payload);
            assert_eq!(error.kind(), DecodeErrorKind::Mismatch);
            for text in [Chain(&error).to_string(), error.with_values().to_string()] {
                assert!(
                    text.len() < 1_000 && !text.chars().any(char::is_control),
                    "{} bytes: {text:?}",
                    text.len()
                );
                assert!(text.contains(" at line 1 column "), "{text}");
            }
        }
    }
}
