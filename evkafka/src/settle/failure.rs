use std::{
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    error::Chain,
    handle::{BoxError, panic, unveiled},
};

/// Why a record was not handled.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    cause: BoxError,
}

/// How a record came not to be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The handler returned an error, or an extractor failed in a way that may pass ([`Rejection::Retry`](crate::handle::Rejection::Retry)).
    Error,
    /// The handler panicked.
    Panic,
    /// The handler was not called: its payload did not decode, or an extractor rejected the record for good.
    Undecodable,
    /// The handler said that no retry will help ([`Outcome::Reject`](crate::Outcome::Reject)).
    Rejected,
    /// The handler took longer than an attempt may ([`FailurePolicy::attempt_timeout`](super::FailurePolicy::attempt_timeout)).
    Timeout,
    /// The handler asked for another attempt ([`Outcome::RetryAfter`](crate::Outcome::RetryAfter)).
    Postponed,
    /// The handler gave the record back ([`Outcome::Release`](crate::Outcome::Release)).
    Released,
    /// An event that the handler returned was refused, and will be until somebody changes a setting ([`SendError`](crate::SendError)).
    Unsent,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, cause: impl Into<BoxError>) -> Self {
        Self { kind, cause: cause.into() }
    }

    /// The same, with a cause that can be printed: logs and headers of dead letters must not end the consumer because a
    /// handler's error cannot say what it is.
    pub(crate) fn printable(self) -> Self {
        // Unwind safety: an error that panicked is dropped.
        let printed = catch_unwind(AssertUnwindSafe(|| Chain(self.cause()).write_to(&mut Discard)));
        let why = match printed {
            Ok(Ok(())) => return self,
            Ok(Err(fmt::Error)) => "its `Display` returned an error".to_owned(),
            Err(payload) => format!("its `Display` panicked: {}", panic::message(&*payload)),
        };
        Self::new(self.kind, format!("an error whose text is not available ({why})"))
    }

    /// How it came about.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The handler's own error, the decoding error, or the panic's message. Of an `anyhow::Error` or an `eyre::Report`, it is the error
    /// that it was made of.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        unveiled(&self.cause)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FailureKind::Error => "the handler failed",
            FailureKind::Panic => "the handler panicked",
            FailureKind::Undecodable => "the record could not be decoded",
            FailureKind::Rejected => "the handler rejected the record",
            FailureKind::Timeout => "the handler took too long and was dropped",
            FailureKind::Postponed => "the handler asked for another attempt",
            FailureKind::Released => "the handler gave the record back",
            FailureKind::Unsent => "an event that the handler returned could not be sent",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause())
    }
}

/// Takes text and keeps none of it.
struct Discard;

impl fmt::Write for Discard {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}
