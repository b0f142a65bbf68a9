//! Events as CloudEvents: in binary mode headers have the attributes, in structured mode a JSON object has them, and the event.
//!
//! What a call sets as a header `ce_…` is an attribute in both modes, and replaces one of ours; so does `content-type`.

use std::borrow::Cow;

use super::{Extras, OwnHeader, Stamp, stamp::rfc_3339};
use crate::{
    event::Encoded,
    native::{RawHeader, RawRecord},
};

/// How a producer writes them.
#[derive(Clone, Debug)]
pub(super) struct CloudEvents {
    mode: Mode,
    /// Whose events they are: a URI reference.
    source: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Binary,
    Structured,
}

/// An attribute as the header that it is in binary mode.
type Attribute<'a> = (&'static str, &'a str);

const CONTENT_TYPE: &str = "content-type";

const JSON: &str = "application/json";

const STRUCTURED: &str = "application/cloudevents+json";

impl CloudEvents {
    pub(super) fn new(mode: Mode, source: &str) -> Self {
        Self { mode, source: source.to_owned() }
    }

    /// The name of an event with its version: `OrderPriced.v2`, as consumers read it whose `event_version` is `suffix`.
    pub(super) fn event_type(name: &str, version: Option<u32>) -> Cow<'_, str> {
        match version {
            Some(version) => Cow::Owned(format!("{name}.v{version}")),
            None => Cow::Borrowed(name),
        }
    }

    /// Calls `with` with the record of an event for this topic.
    pub(super) fn with_record<T>(
        &self,
        topic: &str,
        event: &Encoded<'_>,
        extras: &Extras,
        traced: &[OwnHeader],
        with: impl FnOnce(RawRecord<'_>) -> T,
    ) -> T {
        let stamp = extras.stamp.unwrap_or_else(Stamp::now);
        let event_type = Self::event_type(event.name.as_str(), event.version);
        let id = stamp.id(event.place);
        let time = rfc_3339(extras.timestamp.unwrap_or(stamp.millis));
        let attributes: [Attribute<'_>; _] = [
            ("ce_specversion", "1.0"),
            ("ce_type", &event_type),
            ("ce_source", &self.source),
            ("ce_id", &id),
            ("ce_time", &time),
            (CONTENT_TYPE, JSON),
        ];
        let own = &extras.headers;
        let is_set = |name: &str| own.iter().any(|header| attribute(header) == attribute_of(name.as_bytes()));
        let ours = attributes.iter().filter(|(name, _)| !is_set(name));
        let with = |headers: &[RawHeader<'_>], payload: &[u8]| {
            with(extras.record(topic, event.key, headers, payload))
        };
        match self.mode {
            Mode::Binary => {
                let ours = ours.map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
                let own = traced.iter().chain(own).map(in_binary_mode);
                with(&ours.chain(own).collect::<Vec<_>>(), event.payload)
            }
            Mode::Structured => {
                let own_headers = traced.iter().chain(own);
                let headers = own_headers.filter(|header| attribute(header).is_none()).map(raw);
                let content_type = (CONTENT_TYPE.as_bytes(), Some(STRUCTURED.as_bytes()));
                let headers: Vec<_> = std::iter::once(content_type).chain(headers).collect();
                let ours = ours
                    .filter_map(|(name, value)| Some((attribute_of(name.as_bytes())?, Cow::from(*value))));
                with(&headers, &envelope(ours.chain(attributes_of(own)), event.payload))
            }
        }
    }
}

fn raw((name, value): &OwnHeader) -> RawHeader<'_> {
    (name, value.as_deref())
}

/// The one attribute whose header is not called after it.
fn in_binary_mode(header: &OwnHeader) -> RawHeader<'_> {
    let (name, value) = raw(header);
    if attribute(header) == attribute_of(CONTENT_TYPE.as_bytes()) {
        return (CONTENT_TYPE.as_bytes(), value);
    }
    (name, value)
}

/// The attribute that a header stands for.
fn attribute((name, _): &OwnHeader) -> Option<&str> {
    attribute_of(name)
}

fn attribute_of(header: &[u8]) -> Option<&str> {
    if header == CONTENT_TYPE.as_bytes() {
        return Some("datacontenttype");
    }
    let name = str::from_utf8(header).ok()?.strip_prefix("ce_")?;
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (!name.is_empty() && name != "data" && name.bytes().all(is_legal)).then_some(name)
}

/// The attributes that a call sets, each once: the last counts, as with headers.
fn attributes_of(own: &[OwnHeader]) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    own.iter().enumerate().filter_map(|(index, header)| {
        let (name, value) = (attribute(header)?, header.1.as_deref()?);
        let is_last = own[index + 1..].iter().all(|later| attribute(later) != Some(name));
        is_last.then(|| (name, String::from_utf8_lossy(value)))
    })
}

/// The JSON object with the attributes, and the event behind them: who looks for the type need not read the event.
fn envelope<'a>(attributes: impl Iterator<Item = (&'a str, Cow<'a, str>)>, data: &[u8]) -> Vec<u8> {
    let mut json = Vec::with_capacity(256 + data.len());
    json.push(b'{');
    for (name, value) in attributes {
        json.extend_from_slice(format!("\"{name}\":").as_bytes());
        // Neither text nor a vector has anything against it.
        let _ = serde_json::to_writer(&mut json, &value);
        json.push(b',');
    }
    json.extend_from_slice(b"\"data\":");
    json.extend_from_slice(data);
    json.push(b'}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EncodedName;

    const EVENT: Encoded<'_> = Encoded {
        name: EncodedName::of("OrderPriced"),
        version: Some(2),
        key: Some(b"7"),
        payload: br#"{"id":7}"#,
        place: 4,
    };

    /// The headers in the order in which they are, and the payload.
    fn written(mode: Mode, extras: &Extras) -> (Vec<(String, String)>, String) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let read = |record: RawRecord<'_>| {
            assert_eq!((record.topic, record.key), ("prices", Some(&b"7"[..])));
            let headers = record.headers.iter();
            let headers = headers.map(|(name, value)| (text(name), value.map(text).unwrap_or_default()));
            (headers.collect(), text(record.payload.unwrap()))
        };
        CloudEvents::new(mode, "/billing").with_record("prices", &EVENT, extras, &[], read)
    }

    fn extras(own: &[(&str, &str)]) -> Extras {
        let own = own.iter().map(|(name, value)| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec())));
        Extras { headers: own.collect(), timestamp: Some(7), stamp: Some(Stamp::now()), ..Extras::default() }
    }

    #[test]
    fn in_binary_mode_headers_have_the_attributes_and_the_payload_is_the_event() {
        let extras = extras(&[("ce_subject", "order-7"), ("tenant", "north")]);
        let id = extras.stamp.unwrap().id(4);
        let (headers, payload) = written(Mode::Binary, &extras);
        let expected = [
            ("ce_specversion", "1.0"),
            ("ce_type", "OrderPriced.v2"),
            ("ce_source", "/billing"),
            ("ce_id", &id),
            ("ce_time", "1970-01-01T00:00:00.007Z"),
            ("content-type", "application/json"),
            ("ce_subject", "order-7"),
            ("tenant", "north"),
        ];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(payload, r#"{"id":7}"#);
    }

    #[test]
    fn an_event_that_is_sent_again_has_the_same_id_and_time() {
        let extras = Extras { stamp: Some(Stamp::now()), ..Extras::default() };
        let another = Extras { stamp: Some(Stamp::now()), ..Extras::default() };
        assert_eq!(written(Mode::Binary, &extras), written(Mode::Binary, &extras));
        assert_ne!(written(Mode::Binary, &extras).0[3], written(Mode::Binary, &another).0[3]);
    }

    #[test]
    fn in_structured_mode_an_object_has_them_and_the_event() {
        let extras = extras(&[("ce_subject", "a \"quote\""), ("tenant", "north"), ("ce_data", "none")]);
        let id = extras.stamp.unwrap().id(4);
        let (headers, payload) = written(Mode::Structured, &extras);
        let expected = [("content-type", STRUCTURED), ("tenant", "north"), ("ce_data", "none")];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let json = format!(
            r#"{{"specversion":"1.0","type":"OrderPriced.v2","source":"/billing","id":"{id}","#,
        ) + r#""time":"1970-01-01T00:00:00.007Z","datacontenttype":"application/json","subject":"a \"quote\"","data":{"id":7}}"#;
        assert_eq!(payload, json);
        assert!(serde_json::from_str::<serde_json::Value>(&payload).is_ok());
    }

    #[test]
    fn a_header_of_a_call_replaces_an_attribute() {
        let extras = extras(&[("ce_id", "first"), ("ce_id", "order-7"), ("content-type", "text/x+json")]);
        let (headers, _) = written(Mode::Binary, &extras);
        let ids: Vec<_> = headers.iter().filter(|(name, _)| name == "ce_id").map(|(_, id)| &**id).collect();
        assert_eq!(ids, ["first", "order-7"], "consumers read the last");
        assert_eq!(headers.iter().filter(|(name, _)| name == "content-type").count(), 1);
        let (headers, payload) = written(Mode::Structured, &extras);
        assert_eq!(headers.len(), 1);
        let json: serde_json::Value = serde_json::from_str(&payload).unwrap();
        assert_eq!((&json["id"], &json["datacontenttype"]), (&"order-7".into(), &"text/x+json".into()));
        assert_eq!(payload.matches("\"id\"").count(), 2, "that of the event, and the attribute");
    }

    #[test]
    fn the_content_type_of_the_data_is_one_attribute_by_both_names() {
        for own in [
            &[("ce_datacontenttype", "text/x+json")][..],
            &[("content-type", "text/plain"), ("ce_datacontenttype", "text/x+json")],
        ] {
            let (headers, _) = written(Mode::Binary, &extras(own));
            let types: Vec<_> = headers.iter().filter(|(name, _)| name.ends_with("type")).collect();
            assert!(
                types.iter().all(|(name, _)| ["ce_type", "content-type"].contains(&&**name)),
                "{types:?}"
            );
            assert_eq!(headers.iter().rfind(|(name, _)| name == "content-type").unwrap().1, "text/x+json");
            let (_, payload) = written(Mode::Structured, &extras(own));
            assert_eq!(payload.matches("\"datacontenttype\"").count(), 1, "{payload}");
            assert!(payload.contains(r#""datacontenttype":"text/x+json""#), "{payload}");
        }
    }
}
