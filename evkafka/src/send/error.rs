use std::fmt;

use rdkafka::error::RDKafkaErrorCode;

use super::Refused;
use crate::event::EncodeError;

/// An event was not sent, or it is not known whether it was.
#[derive(Debug, thiserror::Error)]
#[error("the event `{event}` was not sent{to}: {reason}", to = To(topic.as_deref()))]
pub struct SendError {
    kind: SendErrorKind,
    event: String,
    topic: Option<String>,
    reason: String,
}

/// What sort of [`SendError`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The event could not be encoded.
    Encoding,
    /// Neither the call, nor the event, nor the producer names a topic.
    NoTopic,
    /// The broker, or the client, refuses the record: it is too large, the topic does not exist, or access is denied. It would be
    /// refused again until somebody changes a setting.
    Refused,
    /// No broker acknowledged it in time. It may have been written all the same.
    Unacknowledged,
}

struct To<'t>(Option<&'t str>);

impl fmt::Display for To<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |topic| write!(f, " to the topic `{topic}`"))
    }
}

impl SendError {
    pub(crate) fn encoding(error: &EncodeError) -> Self {
        Self {
            kind: SendErrorKind::Encoding,
            event: error.event().to_owned(),
            topic: None,
            reason: error.reason().to_owned(),
        }
    }

    pub(crate) fn no_topic(event: &str) -> Self {
        Self {
            kind: SendErrorKind::NoTopic,
            event: event.to_owned(),
            topic: None,
            reason: "it has no topic; name one in `#[event(topic = \"…\")]`, with `.topic(…)`, or with the producer's setting `topic`"
                .to_owned(),
        }
    }

    pub(crate) fn refused(event: &str, topic: Option<&str>, refused: Refused) -> Self {
        let Refused { code, advice } = refused;
        Self {
            kind: SendErrorKind::Refused,
            event: event.to_owned(),
            topic: topic.map(str::to_owned),
            reason: format!("{code}; {advice}"),
        }
    }

    pub(crate) fn unacknowledged(event: &str, topic: &str, code: RDKafkaErrorCode) -> Self {
        Self {
            kind: SendErrorKind::Unacknowledged,
            event: event.to_owned(),
            topic: Some(topic.to_owned()),
            reason: code.to_string(),
        }
    }

    /// What sort of error it is.
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// The name of the event.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The topic that it was to be sent to, if that was known.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// Whether to send it again is of no use until somebody changes a setting, the topic, or the event.
    pub fn is_final(&self) -> bool {
        match self.kind {
            SendErrorKind::Encoding | SendErrorKind::NoTopic | SendErrorKind::Refused => true,
            SendErrorKind::Unacknowledged => false,
        }
    }
}
