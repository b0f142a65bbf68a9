//! The error that ends an app.

use std::{
    error::Error as StdError,
    fmt::{self, Write},
    sync::Arc,
    time::Duration,
};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{
    client::Denial,
    engine::JoinFailure,
    handle::BoxError,
    native::{ClientFailure, PartitionError},
    record::Origin,
    send::Refused,
    settle::Failure,
};

/// A result with evkafka's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an app did not start, or why it ended.
///
/// `Display` says what happened and where, [`source`](StdError::source) why. `Debug`, which Rust prints when `main`
/// returns the error, shows both in readable lines.
pub struct Error(Box<Inner>);

/// What sort of [`Error`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The app was put together wrongly, or a setting is wrong. Nothing was consumed.
    Configuration,
    /// A cluster did not answer in time at the start, or a broker is not where the cluster says. The consumer has consumed nothing.
    Unreachable,
    /// A cluster does not let the consumer in (TLS or SASL failed), or does not let it use a topic. Nothing was consumed.
    Security,
    /// A topic does not exist. Nothing was consumed.
    MissingTopic,
    /// A record could not be handled, and the failure policy says to stop, or its dead letter was refused. Its offset is not
    /// committed.
    Record,
    /// Kafka reported an error that does not pass by itself.
    Kafka,
    /// The app did not stop in the time it had, or its last offsets could not be committed.
    Shutdown,
    /// An error of the application's own, by way of [`Error::other`].
    Other,
}

#[derive(Debug)]
pub(crate) enum Inner {
    Faults(Vec<String>),
    Unreachable {
        consumer: Arc<str>,
        servers: String,
        waited: Duration,
        cause: ClientError,
        detail: Option<String>,
    },
    Denied {
        consumer: Arc<str>,
        servers: String,
        denial: Denial,
        reason: String,
    },
    Forbidden {
        consumer: Arc<str>,
        servers: String,
        group: String,
        topic: String,
        /// Or else it is written to.
        is_read: bool,
    },
    MissingTopics {
        consumer: Arc<str>,
        servers: String,
        topics: Vec<String>,
    },
    Record(RecordError),
    DeadLetter(DeadLetterError),
    Partition {
        origin: Origin,
        error: PartitionError,
        cause: ClientError,
    },
    Client {
        consumer: Arc<str>,
        cause: ClientError,
    },
    Join {
        consumer: Arc<str>,
        group: String,
        failure: JoinFailure,
        cause: ClientError,
    },
    Engine {
        consumer: Arc<str>,
        message: String,
    },
    Commit {
        consumer: Arc<str>,
        cause: ClientError,
        last: bool,
    },
    Shutdown {
        consumer: Arc<str>,
        waited: Duration,
    },
    Other(BoxError),
}

/// What the Kafka client said, in words of its own: rdkafka's error prints the value of a rejected setting, which may be a
/// secret, and says everything else twice.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ClientError(String);

impl Inner {
    pub(crate) fn partition(origin: Origin, error: PartitionError) -> Self {
        Self::Partition { origin, cause: error.code.into(), error }
    }

    /// The last commit of a consumer, or one before, failed for good.
    pub(crate) fn commit(consumer: &Arc<str>, code: RDKafkaErrorCode, last: bool) -> Self {
        Self::Commit { consumer: Arc::clone(consumer), cause: code.into(), last }
    }
}

impl DeadLetterFault {
    pub(crate) fn refused(Refused { code, advice }: Refused) -> Self {
        Self::Refused { advice, cause: code.into() }
    }
}

impl ClientError {
    /// `shown` takes secrets out of a reason.
    pub(crate) fn new(error: KafkaError, shown: impl Fn(&str) -> String) -> Self {
        Self(match (error.rdkafka_error_code(), error) {
            (Some(code), _) => code.to_string(),
            (None, KafkaError::ClientConfig(_, reason, key, _)) => {
                format!("`{key}` is refused: {}", shown(&reason))
            }
            (None, KafkaError::ClientCreation(reason) | KafkaError::Subscription(reason)) => shown(&reason),
            (None, error) => shown(&error.to_string()),
        })
    }
}

impl From<RDKafkaErrorCode> for ClientError {
    fn from(code: RDKafkaErrorCode) -> Self {
        Self(code.to_string())
    }
}

impl From<ClientFailure> for ClientError {
    fn from(ClientFailure { code, reason, .. }: ClientFailure) -> Self {
        Self(if reason.is_empty() { code.to_string() } else { one_line(&reason) })
    }
}

/// The record at which an app stopped.
#[derive(Debug)]
#[non_exhaustive]
pub struct RecordError {
    /// Where the record came from.
    pub origin: Origin,
    /// Its offset, which is not committed.
    pub offset: i64,
    /// Its event type; `None` if it has none.
    pub event: Option<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// How the last one failed.
    pub failure: Failure,
}

/// A record that cannot be sent to its dead-letter topic.
#[derive(Debug)]
pub(crate) struct DeadLetterError {
    /// The record, and why it became a dead letter.
    pub(crate) record: RecordError,
    pub(crate) topic: Arc<str>,
    pub(crate) fault: DeadLetterFault,
}

/// Why a record cannot be a dead letter.
#[derive(Debug)]
pub(crate) enum DeadLetterFault {
    Refused {
        advice: String,
        cause: ClientError,
    },
    /// It would come back to a topic of this path.
    Loop(String),
}

impl Error {
    pub(crate) fn faults(faults: Vec<String>) -> Self {
        Inner::Faults(faults).into()
    }

    /// Wraps an error of the application's own, so that `main` can return it beside evkafka's.
    pub fn other(error: impl Into<BoxError>) -> Self {
        Inner::Other(error.into()).into()
    }

    /// What sort of error it is.
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Inner::Faults(_) => ErrorKind::Configuration,
            Inner::Unreachable { .. } => ErrorKind::Unreachable,
            Inner::Denied { .. } | Inner::Forbidden { .. } => ErrorKind::Security,
            Inner::MissingTopics { .. } => ErrorKind::MissingTopic,
            Inner::Record(_) | Inner::DeadLetter(_) => ErrorKind::Record,
            Inner::Join { failure: JoinFailure::Address(_), .. } => ErrorKind::Unreachable,
            Inner::Partition { .. } | Inner::Client { .. } | Inner::Join { .. } | Inner::Engine { .. } => {
                ErrorKind::Kafka
            }
            Inner::Commit { last: false, .. } => ErrorKind::Kafka,
            Inner::Commit { .. } | Inner::Shutdown { .. } => ErrorKind::Shutdown,
            Inner::Other(_) => ErrorKind::Other,
        }
    }

    /// The record at which the app stopped, if that is what happened.
    pub fn record(&self) -> Option<&RecordError> {
        match &*self.0 {
            Inner::Record(error) => Some(error),
            Inner::DeadLetter(error) => Some(&error.record),
            _ => None,
        }
    }
}

impl From<Inner> for Error {
    fn from(inner: Inner) -> Self {
        Self(Box::new(inner))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Inner::Faults(faults) => {
                f.write_str("the app cannot start:")?;
                faults.iter().try_for_each(|fault| write!(f, "\n  - {fault}"))
            }
            Inner::Unreachable { consumer, servers, waited, detail, .. } => {
                write!(
                    f,
                    "consumer `{consumer}`: no answer from the Kafka cluster at `{servers}` within {waited:?}"
                )?;
                detail.iter().try_for_each(|detail| write!(f, " ({detail})"))
            }
            Inner::Denied { consumer, servers, denial, reason } => write!(
                f,
                "consumer `{consumer}`: the Kafka cluster at `{servers}` and the client do not agree on {}; {} ({})",
                match denial {
                    Denial::Credentials => "SASL",
                    Denial::Certificate => "TLS",
                },
                denial.advice(),
                one_line(reason)
            ),
            Inner::Forbidden { consumer, servers, group, topic, is_read: true } => write!(
                f,
                "consumer `{consumer}`: the Kafka cluster at `{servers}` does not allow this user to read the topic `{topic}`; grant \
                 READ and DESCRIBE on the topic, and READ on the group `{group}`"
            ),
            Inner::Forbidden { consumer, servers, topic, is_read: false, .. } => write!(
                f,
                "consumer `{consumer}`: the Kafka cluster at `{servers}` does not allow this user to write to the dead-letter topic \
                 `{topic}`; grant WRITE and DESCRIBE on the topic"
            ),
            Inner::MissingTopics { consumer, servers, topics } => write!(
                f,
                "consumer `{consumer}`: the cluster at `{servers}` has no topic {}; create it, or set \
                 `on_missing_topic` to wait for it",
                topics.iter().map(|topic| format!("`{topic}`")).collect::<Vec<_>>().join(", ")
            ),
            Inner::Record(error) => error.fmt(f),
            Inner::DeadLetter(error) => error.fmt(f),
            Inner::Partition { origin, error, .. } => {
                write!(f, "consumer `{}`: {origin} cannot be read any further", origin.consumer)?;
                error.offset.iter().try_for_each(|offset| write!(f, " than offset {offset}"))?;
                if !error.reason.is_empty() {
                    write!(f, " ({})", one_line(&error.reason))?;
                }
                if error.code == RDKafkaErrorCode::TopicAuthorizationFailed {
                    write!(f, "; grant READ on the topic `{}`", origin.topic)?;
                }
                false_alarm(error).iter().try_for_each(|advice| write!(f, "; {advice}"))?;
                damage(error).iter().try_for_each(|advice| write!(f, "; {advice}"))?;
                missing_codec(error).iter().try_for_each(|advice| write!(f, "; {advice}"))
            }
            Inner::Client { consumer, .. } => write!(f, "consumer `{consumer}`: the Kafka client failed"),
            Inner::Join { consumer, group, failure, .. } => {
                write!(f, "consumer `{consumer}` cannot join the group `{group}`: {failure}")
            }
            Inner::Engine { consumer, message } => write!(f, "consumer `{consumer}`: {message}"),
            Inner::Commit { consumer, last: false, .. } => {
                write!(f, "consumer `{consumer}`: Kafka refuses to commit offsets")
            }
            Inner::Commit { consumer, .. } => write!(
                f,
                "consumer `{consumer}`: the last offsets could not be committed; their records will be handled again"
            ),
            Inner::Shutdown { consumer, waited } => {
                write!(f, "consumer `{consumer}` did not stop within {waited:?}")
            }
            Inner::Other(error) => error.fmt(f),
        }
    }
}

/// What to do about a batch that was compressed in a way that this build of librdkafka does not know. Any producer can send one.
fn missing_codec(error: &PartitionError) -> Option<&'static str> {
    let is_missing = error.code == RDKafkaErrorCode::NotImplemented && error.reason.contains("Decompression");
    is_missing.then_some(if error.reason.contains("(codec 0x4)") {
        "it is compressed with zstd: enable the Cargo feature `zstd` of evkafka"
    } else {
        "it is compressed in a way that this build of librdkafka does not have"
    })
}

/// What to do about a record that is said to be too large. Brokers send one of any size, if it is the first of an answer: but librdkafka
/// doubles what it asks for (`fetch.message.max.bytes`) at each answer in which there is nothing for the application, and says from 1 GiB on that a
/// record is too large.
fn false_alarm(error: &PartitionError) -> Option<&'static str> {
    let is_one =
        error.code == RDKafkaErrorCode::MessageSizeTooLarge && error.reason.contains("might be too large");
    is_one.then_some(
        "most often no record is: librdkafka says so, too, where compaction has left batches without records; start the app again, which \
         sets back how much is fetched at a time",
    )
}

/// What to do about a batch that is not what its producer sent.
fn damage(error: &PartitionError) -> Option<&'static str> {
    // By librdkafka, which says the same of what it cannot parse, and by the broker.
    let is_checksum = match error.code {
        RDKafkaErrorCode::BadMessage => error.reason.contains("CRC"),
        code => code == RDKafkaErrorCode::InvalidMessage,
    };
    is_checksum.then_some(
        "its checksum does not match, so it was damaged on the way or on the broker's disk: start the app again to fetch it again; if it \
         stays damaged, move the partition's leader to another replica, or the group past it (`check.crcs` says whether checksums are checked)",
    )
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "consumer `{}` stopped at {}: {}", self.origin.consumer, Place(self), self.failure)
    }
}

impl fmt::Display for DeadLetterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, topic, fault } = self;
        let (consumer, place) = (&record.origin.consumer, Place(record));
        match fault {
            DeadLetterFault::Refused { advice, .. } => write!(
                f,
                "consumer `{consumer}`: the dead-letter topic `{topic}` does not take the record at {place}; {advice}"
            ),
            DeadLetterFault::Loop(path) => write!(
                f,
                "consumer `{consumer}`: the record at {place}, has come through {path} as a dead letter and would be sent to \
                 `{topic}` again, without end; choose a dead-letter topic whose consumers send nothing back"
            ),
        }
    }
}

/// Which record, and how often it was tried.
struct Place<'e>(&'e RecordError);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordError { origin, offset, event, attempts, .. } = self.0;
        write!(f, "{origin} offset {offset}, event ")?;
        match event {
            Some(event) => write!(f, "`{event}`")?,
            None => f.write_str("without a type")?,
        }
        write!(f, ", attempt {attempts}")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Inner::Unreachable { cause, .. }
            | Inner::Client { cause, .. }
            | Inner::Join { cause, .. }
            | Inner::Partition { cause, .. }
            | Inner::Commit { cause, .. }
            | Inner::DeadLetter(DeadLetterError { fault: DeadLetterFault::Refused { cause, .. }, .. }) => {
                Some(cause)
            }
            Inner::Record(error) => error.failure.source(),
            Inner::DeadLetter(error) => error.record.failure.source(),
            // Its own `Display` is ours already.
            Inner::Other(error) => error.source(),
            Inner::Faults(_)
            | Inner::Denied { .. }
            | Inner::Forbidden { .. }
            | Inner::MissingTopics { .. }
            | Inner::Engine { .. }
            | Inner::Shutdown { .. } => None,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut next = self.source();
        while let Some(cause) = next {
            write!(f, "\n  caused by: {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

/// Keeps a text on its line, and out of the terminal's control codes, whoever wrote parts of it.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    OneLine(&mut line).write_str(text).expect("a String takes all");
    line
}

/// Passes text on in [one line](one_line).
struct OneLine<'w>(&'w mut dyn fmt::Write);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character.is_control() {
            true => character.escape_default().try_for_each(|escaped| self.0.write_char(escaped)),
            false => self.0.write_char(character),
        })
    }
}

/// An error and all its causes in one line, for a log.
pub(crate) struct Chain<'e>(pub(crate) &'e (dyn StdError + 'static));

impl Chain<'_> {
    /// # Errors
    /// If one of them fails to show itself.
    pub(crate) fn write_to(&self, to: &mut dyn fmt::Write) -> fmt::Result {
        let mut line = OneLine(to);
        write!(line, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(line, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

/// As far as it goes: at an error that fails to show itself `to_string` would panic.
impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = self.write_to(f);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_fails_to_show_itself_ends_nothing() {
        #[derive(Debug)]
        struct Locked;

        impl fmt::Display for Locked {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half of it")?;
                Err(fmt::Error)
            }
        }

        impl StdError for Locked {}

        assert_eq!(Chain(&Locked).to_string(), "half of it");
    }

    /// What an app says that ends at a batch which librdkafka could not decompress.
    fn not_decompressed(codec: &str, code: RDKafkaErrorCode) -> String {
        let reason = format!(
            "Decompression (codec {codec}) of message at 42 of 84 bytes failed: Local: Not implemented"
        );
        let error = PartitionError { code, offset: Some(42), reason };
        Error::from(Inner::partition(Origin::new("billing", "orders", 3), error)).to_string()
    }

    #[test]
    fn a_record_that_librdkafka_takes_for_too_large_is_told_with_what_to_do_about_it() {
        let text = |reason: &str| {
            let (code, reason) = (RDKafkaErrorCode::MessageSizeTooLarge, reason.to_owned());
            let error = PartitionError { code, offset: Some(42), reason };
            Error::from(Inner::partition(Origin::new("billing", "orders", 3), error)).to_string()
        };
        let by_librdkafka = text(
            "Message at offset 42 might be too large to fetch, try increasing receive.message.max.bytes",
        );
        assert!(
            by_librdkafka.contains("offset 42") && by_librdkafka.contains("start the app again"),
            "{by_librdkafka}"
        );
        let by_the_broker = text("Fetch from broker 1 failed at offset 42: Broker: Message size too large");
        assert!(!by_the_broker.contains("start the app again"), "{by_the_broker}");
    }

    #[test]
    fn a_batch_that_is_damaged_is_told_with_what_to_do_about_it() {
        let text = |code, reason: &str| {
            let error = PartitionError { code, offset: Some(42), reason: reason.to_owned() };
            Error::from(Inner::partition(Origin::new("billing", "orders", 3), error)).to_string()
        };
        let by_librdkafka = text(
            RDKafkaErrorCode::BadMessage,
            "MessageSet at offset 42 (84 bytes) failed CRC32C check (original 0x0 != calculated 0x1)",
        );
        let by_the_broker = text(RDKafkaErrorCode::InvalidMessage, "Fetch from broker 1 failed at offset 42");
        for text in [&by_librdkafka, &by_the_broker] {
            for part in
                ["consumer `billing`", "orders[3]", "offset 42", "its checksum does not match", "replica"]
            {
                assert!(text.contains(part), "{part:?} is not in {text}");
            }
        }
        let of_a_newer_format = text(RDKafkaErrorCode::BadMessage, "Unsupported MsgVersion 3");
        assert!(!of_a_newer_format.contains("checksum"), "{of_a_newer_format}");
    }

    #[test]
    fn a_batch_that_this_build_cannot_decompress_is_told_with_the_feature_that_can() {
        let zstd = not_decompressed("0x4", RDKafkaErrorCode::NotImplemented);
        for part in [
            "consumer `billing`",
            "orders[3]",
            "offset 42",
            "zstd",
            "enable the Cargo feature `zstd` of evkafka",
        ] {
            assert!(zstd.contains(part), "{part:?} is not in {zstd}");
        }
        assert!(!not_decompressed("0x1", RDKafkaErrorCode::NotImplemented).contains("Cargo feature"));
        // It was built in, and the batch is damaged.
        assert!(!not_decompressed("0x4", RDKafkaErrorCode::BadCompression).contains("Cargo feature"));
    }
}
