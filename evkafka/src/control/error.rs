use std::fmt;

use crate::{
    config::nearest,
    engine::NoOffset,
    error::{Error, one_line},
    record::Origin,
};

/// Why a command was not followed. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    kind: ControlErrorKind,
    message: String,
}

/// What sort of [`ControlError`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ControlErrorKind {
    /// The app does not run yet.
    NotRunning,
    /// The app has ended.
    Ended,
    /// The app has no consumer of this name.
    UnknownConsumer,
    /// The consumer does not read this topic.
    UnknownTopic,
    /// The topic has no partition of this number, as far as this process knows: it has looked when it started, and has seen what it was
    /// assigned since. A topic that has grown can be paused as a whole.
    UnknownPartition,
    /// A partition does not have the offset to continue at.
    OffsetOutOfRange,
    /// The brokers did not say which offset to continue at.
    OffsetUnknown,
}

impl ControlError {
    /// What sort of error it is.
    pub fn kind(&self) -> ControlErrorKind {
        self.kind
    }

    fn new(kind: ControlErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn not_running() -> Self {
        Self::new(ControlErrorKind::NotRunning, "the app does not run yet")
    }

    pub(super) fn ended() -> Self {
        Self::new(ControlErrorKind::Ended, "the app has ended")
    }

    pub(super) fn unknown_consumer(name: &str, known: &[&str]) -> Self {
        let meant = Meant { name, known };
        Self::new(
            ControlErrorKind::UnknownConsumer,
            format!("unknown consumer `{}`{meant}; the app's consumers are {}", one_line(name), List(known)),
        )
    }

    pub(super) fn unknown_topic(name: &str, consumers: &[&str], known: &[&str]) -> Self {
        let (meant, consumers) = (Meant { name, known }, Consumers(consumers));
        Self::new(
            ControlErrorKind::UnknownTopic,
            format!("unknown topic `{}`{meant}; {consumers} {}", one_line(name), List(known)),
        )
    }

    /// `most` is how many partitions the largest of the topics has.
    pub(super) fn unknown_partition(partition: i32, topic: Option<&str>, most: usize) -> Self {
        let topic = topic.map_or_else(|| "every topic".to_owned(), |topic| format!("topic `{topic}`"));
        let message = match most {
            0 => format!("unknown partition {partition} of {topic}; partitions are numbered from 0"),
            1 => format!("unknown partition {partition} of {topic}, which has partition 0 only"),
            most => {
                format!("unknown partition {partition} of {topic}, which has partitions 0 to {}", most - 1)
            }
        };
        Self::new(ControlErrorKind::UnknownPartition, message)
    }

    /// `wanted` is what was to be found in each of these partitions.
    pub(super) fn no_offset(wanted: &str, failed: &[(Origin, NoOffset)]) -> Self {
        let is_outside = |(_, error): &(Origin, NoOffset)| matches!(error, NoOffset::OutOfRange(_));
        let kind = match failed.iter().all(is_outside) {
            true => ControlErrorKind::OffsetOutOfRange,
            false => ControlErrorKind::OffsetUnknown,
        };
        let each: Vec<_> = failed.iter().map(|(origin, error)| format!("{origin}: {}", Why(error))).collect();
        Self::new(kind, format!("cannot seek to {wanted}: {}", each.join("; ")))
    }
}

impl From<ControlError> for Error {
    fn from(error: ControlError) -> Self {
        Self::other(error)
    }
}

/// What was meant by a name, if it is near to one.
struct Meant<'n> {
    name: &'n str,
    known: &'n [&'n str],
}

impl fmt::Display for Meant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nearest = nearest(self.name, self.known.iter().copied());
        nearest.map_or(Ok(()), |nearest| write!(f, "; did you mean `{nearest}`?"))
    }
}

struct List<'n>(&'n [&'n str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

struct Consumers<'n>(&'n [&'n str]);

impl fmt::Display for Consumers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "consumer `{one}` reads"),
            _ => f.write_str("the app's consumers read"),
        }
    }
}

struct Why<'e>(&'e NoOffset);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NoOffset::Broker(code) => write!(f, "the brokers do not say where that is ({code})"),
            NoOffset::OutOfRange(range) => {
                write!(f, "the log starts at offset {} and ends before offset {}", range.start(), range.end())
            }
            NoOffset::Unasked => f.write_str("the brokers could not be asked where that is"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    #[test]
    fn an_error_names_what_is_wrong_where_and_what_was_meant() {
        let origin = |partition| Origin::new("billing", "orders", partition);
        let code = RDKafkaErrorCode::OperationTimedOut;
        let errors = [
            ControlError::unknown_consumer("biling", &["billing", "audit"]),
            ControlError::unknown_topic("order", &["billing"], &["orders", "^payments"]),
            ControlError::unknown_topic("zzz", &["billing", "audit"], &["orders"]),
            ControlError::unknown_partition(12, Some("orders"), 12),
            ControlError::unknown_partition(-1, None, 0),
            ControlError::no_offset("offset 9", &[(origin(3), NoOffset::OutOfRange(10..=20))]),
            ControlError::no_offset(
                "the end",
                &[(origin(3), NoOffset::Broker(code)), (origin(4), NoOffset::Unasked)],
            ),
        ];
        let said = errors.map(|error| error.to_string());
        assert_eq!(
            said,
            [
                "unknown consumer `biling`; did you mean `billing`?; the app's consumers are `billing`, `audit`",
                "unknown topic `order`; did you mean `orders`?; consumer `billing` reads `orders`, `^payments`",
                "unknown topic `zzz`; the app's consumers read `orders`",
                "unknown partition 12 of topic `orders`, which has partitions 0 to 11",
                "unknown partition -1 of every topic; partitions are numbered from 0",
                "cannot seek to offset 9: orders[3]: the log starts at offset 10 and ends before offset 20",
                "cannot seek to the end: orders[3]: the brokers do not say where that is (OperationTimedOut (Local: Timed \
             out)); orders[4]: the brokers could not be asked where that is",
            ]
        );
    }
}
