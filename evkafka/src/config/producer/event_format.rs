use crate::config::choice::Choice;

/// How a producer writes which event a record is.
///
/// A CloudEvent has these attributes:
///
/// | attribute | value |
/// |---|---|
/// | `specversion` | `1.0` |
/// | `type` | the event's name, and its version |
/// | `source` | the [`event_source`](crate::ProducerConfig::event_source) |
/// | `id` | a random UUID |
/// | `time` | the timestamp that the call gives it, or when it was sent |
/// | `datacontenttype` | `application/json` |
///
/// A header `ce_…` that a call [adds](crate::Sending::header) is an attribute in both modes, and replaces one of these: an id that
/// follows from the event lets consumers recognize what a handler has sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum EventFormat {
    /// In two headers, [`event_type_header`](crate::ProducerConfig::event_type_header) and
    /// [`event_version_header`](crate::ProducerConfig::event_version_header). In a configuration file: `"headers"`.
    #[default]
    Headers,
    /// As a CloudEvent in binary mode: its attributes are in headers (`ce_type`, `ce_id` and so on), the payload is the event. In a
    /// configuration file: `"cloudevents"`.
    CloudEvents,
    /// As a CloudEvent in structured mode: the payload is a JSON object with the attributes, and the event as `data`. In a configuration
    /// file: `"cloudevents-structured"`.
    CloudEventsStructured,
}

impl Choice for EventFormat {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("headers", Self::Headers),
        ("cloudevents", Self::CloudEvents),
        ("cloudevents-structured", Self::CloudEventsStructured),
    ];
}

impl EventFormat {
    /// As it is written in a configuration file.
    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}
