//! Payloads that are a part of the record's: a field of a JSON object around it.
//!
//! The whole envelope is parsed for it, so that one that is cut off, or has the field twice, is an error and not half an event. What is in
//! the field is borrowed as it is written, and decoded later by whoever knows its type.

use std::{borrow::Cow, fmt};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

use super::json;

/// What is around a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// A CloudEvents event in structured mode.
    CloudEvents,
    MassTransit,
}

/// What was in an envelope.
pub(crate) enum Content<'r> {
    Part(&'r [u8]),
    /// It was written in another form than the payload has.
    Decoded(Vec<u8>),
    /// The envelope has no payload, and need not have one.
    Nothing,
}

/// What is wrong with an envelope, without values of it, in one line.
type Fault = String;

impl Envelope {
    /// Finds the payload.
    ///
    /// # Errors
    /// If the envelope is malformed, or lacks what it must have.
    pub(crate) fn open(self, bytes: &[u8]) -> Result<Content<'_>, Fault> {
        match self {
            Self::CloudEvents => parse::<CloudEvent<'_>>(bytes)?.content(),
            Self::MassTransit => match parse::<MassTransit<'_>>(bytes)?.message {
                Some(message) => Ok(Content::Part(message.get().as_bytes())),
                None => Err("it has no `message`".to_owned()),
            },
        }
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CloudEvents => "CloudEvents",
            Self::MassTransit => "MassTransit",
        })
    }
}

fn parse<'r, T: Deserialize<'r>>(bytes: &'r [u8]) -> Result<T, Fault> {
    json::untyped(bytes).map_err(|error| error.to_string())
}

/// An `Option` of it borrows, which one of a `Cow` does not.
#[derive(Deserialize)]
struct Text<'r>(#[serde(borrow)] Cow<'r, str>);

#[derive(Deserialize)]
struct CloudEvent<'r> {
    /// Its value was read already; here, a second one is an error.
    #[serde(rename = "type")]
    _event_type: IgnoredAny,
    #[serde(borrow)]
    datacontenttype: Option<Text<'r>>,
    /// Null is a value: to the specification it is not the same as no data.
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'r RawValue>,
    #[serde(borrow)]
    data_base64: Option<Text<'r>>,
}

fn even_null<'r, D: Deserializer<'r>>(deserializer: D) -> Result<Option<&'r RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'r> CloudEvent<'r> {
    fn content(self) -> Result<Content<'r>, Fault> {
        let is_json = self.datacontenttype.is_none_or(|Text(media_type)| is_json(&media_type));
        // Some write null for what is not there.
        let data = self.data.filter(|data| data.get() != "null" || (is_json && self.data_base64.is_none()));
        match (data, self.data_base64) {
            (Some(_), Some(_)) => Err("it has both `data` and `data_base64`".to_owned()),
            (Some(data), None) if !is_json && data.get().starts_with('"') => unquoted(data.get()),
            (Some(data), None) => Ok(Content::Part(data.get().as_bytes())),
            (None, Some(Text(data))) => match BASE64.decode(&*data) {
                Ok(decoded) => Ok(Content::Decoded(decoded)),
                // The error has a byte of the data in it.
                Err(_) => Err("its `data_base64` is not base64".to_owned()),
            },
            (None, None) => Ok(Content::Nothing),
        }
    }
}

/// Some leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `application/json`, `application/vnd.acme+json; charset=utf-8` and their like.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    subtype == "json" || subtype.ends_with("+json")
}

/// Data of a type that is not JSON is written as a JSON string, whose text it is.
fn unquoted(written: &str) -> Result<Content<'_>, Fault> {
    if written.contains('\\') {
        let text: Text<'_> = parse(written.as_bytes())?;
        return Ok(Content::Decoded(text.0.into_owned().into_bytes()));
    }
    Ok(Content::Part(&written.as_bytes()[1..written.len() - 1]))
}

#[derive(Deserialize)]
struct MassTransit<'r> {
    #[serde(rename = "messageType")]
    _message_type: IgnoredAny,
    #[serde(borrow)]
    message: Option<&'r RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(envelope: Envelope, json: &str) -> Result<String, String> {
        match envelope.open(json.as_bytes())? {
            Content::Part(part) => {
                let lies_within = json.as_bytes().as_ptr_range().contains(&part.as_ptr());
                assert!(lies_within, "it is borrowed");
                Ok(String::from_utf8_lossy(part).into_owned())
            }
            Content::Decoded(bytes) => Ok(format!("decoded {}", String::from_utf8_lossy(&bytes))),
            Content::Nothing => Ok("nothing".to_owned()),
        }
    }

    #[test]
    fn the_data_of_a_cloud_event_is_borrowed_as_it_is_written() {
        for (json, data) in [
            (r#"{"type":"A","data":{"id": 1 }}"#, r#"{"id": 1 }"#),
            (r#"{"data" : "text" ,"type":"A"}"#, r#""text""#),
            (r#"{"type":"A","datacontenttype":"application/vnd.x+JSON; a=b","data":"t"}"#, r#""t""#),
            (r#"{"type":"A","datacontenttype":"text/plain","data":"two words"}"#, "two words"),
            (r#"{"type":"A","datacontenttype":"text/xml","data":"<a b=\"c\"/>"}"#, r#"decoded <a b="c"/>"#),
            (r#"{"type":"A","datacontenttype":"text/plain","data":{"a":1}}"#, r#"{"a":1}"#),
            (r#"{"type":"A","data_base64":"eyJpZCI6MX0="}"#, r#"decoded {"id":1}"#),
            (r#"{"type":"A","data_base64":"eyJpZCI6MX0"}"#, r#"decoded {"id":1}"#),
            (r#"{"type":"A","data":null}"#, "null"),
            (r#"{"type":"A","datacontenttype":"application/json","data": null }"#, "null"),
            (r#"{"type":"A","datacontenttype":"text/plain","data":null}"#, "nothing"),
            (r#"{"type":"A","data":null,"data_base64":"YQ=="}"#, "decoded a"),
            (r#"{"type":"A"}"#, "nothing"),
        ] {
            assert_eq!(open(Envelope::CloudEvents, json).as_deref(), Ok(data), "{json}");
        }
    }

    #[test]
    fn an_envelope_that_is_not_sound_is_an_error_that_says_what_is_wrong_and_shows_no_value() {
        use Envelope::{CloudEvents, MassTransit};
        for (envelope, json, fault) in [
            (CloudEvents, r#"{"type":"A","data":{"a":"SECRET"}"#, "EOF while parsing an object"),
            (CloudEvents, r#"{"type":"A","data":{"a":"SECRET"}} {}"#, "trailing characters"),
            (CloudEvents, r#"{"type":"A","data":"SECRET","data":2}"#, "duplicate field `data`"),
            (CloudEvents, r#"{"type":"A","data":"SECRET","type":"B"}"#, "duplicate field `type`"),
            (
                CloudEvents,
                r#"{"type":"A","data":1,"data_base64":"U0VDUkVU"}"#,
                "both `data` and `data_base64`",
            ),
            (CloudEvents, r#"{"type":"A","data_base64":"SECRET!"}"#, "its `data_base64` is not base64"),
            (
                CloudEvents,
                r#"{"type":"A","data_base64":["SECRET"]}"#,
                "`data_base64`: invalid type: sequence",
            ),
            (CloudEvents, r#"{"type":"A","data":[tru]}"#, "expected ident"),
            (MassTransit, r#"{"messageType":["urn:message:A"]}"#, "it has no `message`"),
            (MassTransit, r#"{"messageType":["urn:message:A"],"message":null}"#, "it has no `message`"),
            (MassTransit, r#"{"messageType":["urn:message:A"],"message":{"#, "EOF while parsing"),
        ] {
            let error = open(envelope, json).unwrap_err();
            assert!(error.contains(fault) && !error.contains("SECRET"), "{json}: {error}");
        }
    }

    #[test]
    fn the_message_of_mass_transit_is_borrowed() {
        let json = r#"{"messageId":"1","messageType":["urn:message:A"],"message":{"id":1},"headers":{}}"#;
        assert_eq!(open(Envelope::MassTransit, json).as_deref(), Ok(r#"{"id":1}"#));
    }
}
