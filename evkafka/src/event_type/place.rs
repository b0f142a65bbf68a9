use std::{borrow::Cow, fmt};

use super::{
    cloud_events,
    fault::PlaceFault,
    header::{Case, HeaderName},
    json, lists,
    source::{EventTypeSource, Function, Written},
    version,
};
use crate::{decode::Envelope, record::Record};

/// Where the type of a record's event may be read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Header(HeaderName),
    CloudEvents,
    /// A field of the payload.
    Json(String),
    Topic,
    Constant(String),
    Spring,
    MassTransit,
    NServiceBus,
    Axon,
    Function(Function),
}

/// The kinds of places, as they are written. What ends in a colon is followed by a name.
pub(crate) const KINDS: &[&str] = &[
    "header:",
    "header-ignore-case:",
    "cloudevents",
    "json:",
    "topic",
    "constant:",
    "spring",
    "masstransit",
    "nservicebus",
    "axon",
];

/// What a place says of a record.
pub(super) struct Answer<'r> {
    pub(super) name: Cow<'r, [u8]>,
    pub(super) version: Option<u32>,
    pub(super) envelope: Option<Envelope>,
}

impl<'r> Answer<'r> {
    pub(super) fn named(name: Cow<'r, [u8]>) -> Self {
        Self { name, version: None, envelope: None }
    }

    pub(super) fn borrowed(name: &'r [u8]) -> Self {
        Self::named(Cow::Borrowed(name))
    }

    pub(super) fn within(envelope: Envelope, name: Cow<'r, [u8]>) -> Self {
        Self { envelope: Some(envelope), ..Self::named(name) }
    }
}

impl Place {
    /// # Errors
    /// If it is a text that names no place.
    pub(crate) fn of(source: &EventTypeSource) -> Result<Self, (&str, PlaceFault)> {
        match &source.0 {
            Written::Text(text) => Self::parse(text).map_err(|fault| (&**text, fault)),
            Written::Function(function) => Ok(Self::Function(function.clone())),
        }
    }

    fn parse(text: &str) -> Result<Self, PlaceFault> {
        let (kind, name) = split(text, KINDS)?;
        Ok(match kind {
            "header:" => Self::Header(HeaderName { name: name.to_owned(), case: Case::Exact }),
            "header-ignore-case:" => Self::Header(HeaderName { name: name.to_owned(), case: Case::Ignored }),
            "cloudevents" => Self::CloudEvents,
            "json:" => Self::Json(name.to_owned()),
            "topic" => Self::Topic,
            "constant:" => Self::Constant(name.to_owned()),
            "spring" => Self::Spring,
            "masstransit" => Self::MassTransit,
            "nservicebus" => Self::NServiceBus,
            "axon" => Self::Axon,
            _ => return Err(PlaceFault::Unknown),
        })
    }

    /// The header that evkafka reads by default.
    pub(crate) fn exact_header(name: &str) -> Self {
        Self::Header(HeaderName { name: name.to_owned(), case: Case::Exact })
    }

    /// The name of the header, if this is one that is compared byte by byte.
    pub(super) fn as_exact_header(&self) -> Option<&str> {
        match self {
            Self::Header(HeaderName { name, case: Case::Exact }) => Some(name),
            _ => None,
        }
    }

    /// The name that is a part of it: of a header, a field, an event.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Header(HeaderName { name, .. }) | Self::Json(name) | Self::Constant(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it answers for every record, so that a place behind it is never asked.
    pub(crate) fn always_answers(&self) -> bool {
        matches!(self, Self::Topic | Self::Constant(_))
    }

    /// Whether it may know the version of an event too.
    pub(super) fn knows_versions(&self) -> bool {
        matches!(self, Self::Axon)
    }

    pub(super) fn ask<'r>(&'r self, record: &Record<'r>) -> Option<Answer<'r>> {
        let header = |name| record.headers().get(name);
        match self {
            Self::Header(header) => header.value(record).map(Answer::borrowed),
            Self::CloudEvents => cloud_events::ask(record),
            Self::Json(field) => json::text(record.payload()?, field).map(Answer::named),
            Self::Topic => Some(Answer::borrowed(record.topic().as_bytes())),
            Self::Constant(name) => Some(Answer::borrowed(name.as_bytes())),
            Self::Spring => header("__TypeId__").map(Answer::borrowed),
            Self::MassTransit => {
                let name = json::first_text(record.payload()?, "messageType")?;
                Some(Answer::within(Envelope::MassTransit, lists::without_urn(name)))
            }
            Self::NServiceBus => {
                let list = header("NServiceBus.EnclosedMessageTypes")?;
                Some(Answer::borrowed(lists::first_dotnet_name(list)))
            }
            Self::Axon => {
                let name = header("axon-message-type")?;
                let version = header("axon-message-revision").and_then(version::number);
                Some(Answer { version, ..Answer::borrowed(name) })
            }
            Self::Function(function) => function.call(record).map(|name| {
                Answer::named(match name {
                    Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
                    Cow::Owned(name) => Cow::Owned(name.into_bytes()),
                })
            }),
        }
    }
}

/// The kind that a text begins with, and the name behind it.
pub(super) fn split<'t>(
    text: &'t str,
    kinds: &[&'static str],
) -> Result<(&'static str, &'t str), PlaceFault> {
    let (kind, name) = match text.find(':') {
        Some(colon) => (&text[..=colon], Some(&text[colon + 1..])),
        None => (text, None),
    };
    if let Some(kind) = kinds.iter().find(|known| **known == kind) {
        return match name {
            Some("") => Err(PlaceFault::NoName(kind)),
            name => Ok((kind, name.unwrap_or_default())),
        };
    }
    // With a colon that should not be there, or without one that should.
    let bare = |kind: &str| kind.trim_end_matches(':').to_owned();
    match kinds.iter().find(|known| bare(known) == bare(kind)) {
        Some(kind) if kind.ends_with(':') => Err(PlaceFault::NoName(kind)),
        Some(kind) => Err(PlaceFault::NeedsNoName(kind)),
        None => Err(PlaceFault::Unknown),
    }
}

/// As it is written in a configuration.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(header) => header.fmt(f),
            Self::CloudEvents => f.write_str("cloudevents"),
            Self::Json(field) => write!(f, "json:{field}"),
            Self::Topic => f.write_str("topic"),
            Self::Constant(name) => write!(f, "constant:{name}"),
            Self::Spring => f.write_str("spring"),
            Self::MassTransit => f.write_str("masstransit"),
            Self::NServiceBus => f.write_str("nservicebus"),
            Self::Axon => f.write_str("axon"),
            Self::Function(_) => f.write_str("a function"),
        }
    }
}
