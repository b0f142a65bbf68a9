//! What a record needs so that a consumer reads an event in it: for tests, which write what others would.

use super::{header::HeaderName, json::has_field, place::Place, types::EventTypes, version::VersionPlace};
use crate::decode::Envelope;

/// What a record needs.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Inscription {
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// At the top of a JSON payload.
    pub(crate) fields: Vec<(String, String)>,
    /// What is around the payload, and its type there.
    pub(crate) envelope: Option<(Envelope, String)>,
}

/// Why one record cannot be an event for two consumers.
#[derive(Debug, PartialEq)]
pub(crate) enum Clash {
    /// They expect different envelopes around it.
    Envelopes,
    /// They read different values in the same place.
    Values { place: String, values: [String; 2] },
}

impl EventTypes {
    /// What a record needs to be this event, in the first place that is looked at. A function and a constant need nothing, and may name
    /// another.
    pub(crate) fn inscribe(&self, name: &[u8], version: Option<u32>) -> Inscription {
        self.inscribe_as(self.name_of_others(name), version)
    }

    /// The same, of an event that others call so.
    pub(crate) fn inscribe_as(&self, theirs: &[u8], version: Option<u32>) -> Inscription {
        let mut inscription = Inscription::default();
        let mut name = theirs.to_vec();
        let version = version.map(|version| version.to_string());
        match (&self.version, &version) {
            (Some(VersionPlace::Header(HeaderName { name: header, .. })), Some(version)) => {
                inscription.headers.push((header.clone(), version.clone().into()));
            }
            (Some(VersionPlace::Json(field)), Some(version)) => {
                inscription.fields.push((field.clone(), version.clone()));
            }
            (Some(VersionPlace::Suffix(separator)), Some(version)) => {
                name.extend_from_slice(separator.as_bytes());
                name.extend_from_slice(version.as_bytes());
            }
            (None, _) | (_, None) => {}
        }
        if let Some(place) = self.places.first() {
            place.inscribe(name, version, &mut inscription);
        }
        inscription
    }

    /// The first of the names that others have for our event, or ours.
    fn name_of_others<'n>(&'n self, ours: &'n [u8]) -> &'n [u8] {
        self.names_of(ours).min().unwrap_or(ours)
    }

    /// What others call our event.
    pub(crate) fn names_of(&self, ours: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.names.iter().filter(move |(_, name)| name.as_bytes() == ours).map(|(theirs, _)| &theirs[..])
    }

    /// Whether this is our event, if others call it so.
    pub(crate) fn takes(&self, theirs: &[u8], ours: &[u8]) -> bool {
        self.names.get(theirs).map_or(theirs, |name| name.as_bytes()) == ours
    }
}

impl Place {
    fn inscribe(&self, name: Vec<u8>, version: Option<String>, inscription: &mut Inscription) {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let mut header = |header: &str, value: Vec<u8>| inscription.headers.push((header.to_owned(), value));
        match self {
            Self::Header(HeaderName { name: named, .. }) => header(named, name),
            Self::CloudEvents => {
                header("ce_specversion", b"1.0".to_vec());
                header("ce_type", name);
                header("ce_source", b"/test".to_vec());
                header("ce_id", b"test".to_vec());
            }
            Self::Json(field) => inscription.fields.insert(0, (field.clone(), text(&name))),
            Self::Spring => header("__TypeId__", name),
            Self::MassTransit => inscription.envelope = Some((Envelope::MassTransit, text(&name))),
            Self::NServiceBus => header("NServiceBus.EnclosedMessageTypes", name),
            Self::Axon => {
                header("axon-message-type", name);
                if let Some(version) = version {
                    header("axon-message-revision", version.into());
                }
            }
            Self::Topic | Self::Constant(_) | Self::Function(_) => {}
        }
    }
}

impl Inscription {
    /// What a record needs that two consumers are to read.
    ///
    /// # Errors
    /// If no record has both.
    pub(crate) fn and(mut self, other: Self) -> Result<Self, Clash> {
        match (&self.envelope, other.envelope) {
            (None, None) => {}
            (Some((one, name)), Some((another, theirs))) if *one == another => {
                agree("the envelope", name.as_bytes(), theirs.as_bytes())?;
            }
            _ => return Err(Clash::Envelopes),
        }
        for (name, value) in other.headers {
            match self.headers.iter().find(|(known, _)| *known == name) {
                Some((_, known)) => agree(&format!("the header `{name}`"), known, &value)?,
                None => self.headers.push((name, value)),
            }
        }
        for (name, value) in other.fields {
            match self.fields.iter().find(|(known, _)| *known == name) {
                Some((_, known)) => {
                    agree(&format!("the field `{name}`"), known.as_bytes(), value.as_bytes())?
                }
                None => self.fields.push((name, value)),
            }
        }
        Ok(self)
    }

    /// The payload with all that it needs. A field that is there already stays as it is.
    ///
    /// # Errors
    /// If it needs a field and is not a JSON object: the field's name.
    pub(crate) fn payload(&self, payload: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, &str> {
        let enclosed = match &self.envelope {
            Some((_, name)) => {
                let urn = serde_json::json!([format!("urn:message:{name}")]);
                let message = payload.unwrap_or_else(|| b"null".to_vec());
                let start = format!("{{\"messageType\":{urn},\"message\":").into_bytes();
                Some([&start[..], &message, b"}"].concat())
            }
            None => payload,
        };
        self.fields.iter().rev().try_fold(enclosed, |payload, (field, value)| {
            let payload = payload.unwrap_or_default();
            if has_field(&payload, field) {
                return Ok(Some(payload));
            }
            let [b'{', rest @ ..] = payload.trim_ascii_start() else { return Err(&**field) };
            let comma: &[u8] = if rest.trim_ascii_start().starts_with(b"}") { b"" } else { b"," };
            let (name, value) = (serde_json::json!(field), serde_json::json!(value));
            Ok(Some([format!("{{{name}:{value}").as_bytes(), comma, rest].concat()))
        })
    }
}

fn agree(place: &str, one: &[u8], another: &[u8]) -> Result<(), Clash> {
    if one == another {
        return Ok(());
    }
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Err(Clash::Values { place: place.to_owned(), values: [one, another].map(text) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{config::ConsumerConfig, record::OwnedRecord};

    /// What a consumer of this configuration reads in the record that is written for it.
    fn read_back(config: ConsumerConfig, version: Option<u32>) -> (String, Option<u32>, String) {
        let types = config.event_types();
        let inscription = types.inscribe(b"OrderCreated", version);
        let payload = inscription.payload(Some(br#"{"id":7}"#.to_vec())).unwrap().unwrap();
        let record = OwnedRecord::new("OrderCreated", 0, 0).payload(payload);
        let record =
            inscription.headers.into_iter().fold(record, |record, (name, value)| record.header(name, value));
        let record = record.as_record();
        let mut identity = types.event(&record);
        identity.open(record.payload());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (
            text(identity.name().unwrap()),
            identity.version(),
            text(identity.payload(record.payload()).unwrap()),
        )
    }

    fn from(place: &str) -> ConsumerConfig {
        ConsumerConfig::new(["OrderCreated"]).event_type([place])
    }

    #[test]
    fn what_is_written_for_a_consumer_is_what_it_reads() {
        for place in [
            "header:type",
            "header-ignore-case:TYPE",
            "cloudevents",
            "json:type",
            "topic",
            "constant:OrderCreated",
            "spring",
            "masstransit",
            "nservicebus",
            "axon",
        ] {
            let (name, _, payload) = read_back(from(place), None);
            assert_eq!(name, "OrderCreated", "{place}");
            let expected =
                if place == "json:type" { r#"{"type":"OrderCreated","id":7}"# } else { r#"{"id":7}"# };
            assert_eq!(payload, expected, "{place}");
            if place == "topic" || place.starts_with("constant") {
                continue;
            }
            for version in ["header:version", "suffix", "suffix:/"] {
                let (name, read, _) = read_back(from(place).event_version(version), Some(3));
                assert_eq!((&*name, read), ("OrderCreated", Some(3)), "{place}, {version}");
            }
            let foreign =
                from(place).event_names([("com.acme.Order", "OrderCreated")]).event_version("suffix");
            assert_eq!(read_back(foreign, Some(3)).0, "OrderCreated", "{place}");
        }
        assert_eq!(read_back(from("axon"), Some(3)).1, Some(3));
        let (name, version, payload) = read_back(from("json:type").event_version("json:v"), Some(3));
        assert_eq!((&*name, version), ("OrderCreated", Some(3)));
        assert_eq!(payload, r#"{"type":"OrderCreated","v":"3","id":7}"#);
    }

    #[test]
    fn a_field_is_put_into_an_object_that_has_none_of_its_name() {
        let types = EventTypes::new(vec![Place::Json("type".to_owned())], &BTreeMap::new(), None);
        let inscription = types.inscribe(b"A", None);
        for (before, after) in [
            ("{}", Ok(r#"{"type":"A"}"#)),
            (" { } ", Ok(r#"{"type":"A" } "#)),
            (r#"{"id":1,"type":"B"}"#, Ok(r#"{"id":1,"type":"B"}"#)),
            ("{ not json", Ok(r#"{"type":"A", not json"#)),
            ("[]", Err("type")),
            ("", Err("type")),
        ] {
            let payload = inscription.payload(Some(before.into()));
            let payload = payload.map(|payload| String::from_utf8(payload.unwrap()).unwrap());
            assert_eq!(payload.as_deref().map_err(|field| *field), after, "{before}");
        }
        assert_eq!(inscription.payload(None), Err("type"));
    }
}
