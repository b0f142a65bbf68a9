//! What librdkafka says of a client, without the client's secrets.
//!
//! Everything that librdkafka writes in words of its own goes through here: lines of its log, the reasons of its errors.

use std::{borrow::Cow, fmt, sync::Arc};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};

use crate::{
    config::Secrets,
    error::{ClientError, Error, Inner},
};

/// Tells what librdkafka says of a client.
#[derive(Clone, Debug)]
pub(crate) struct ClientLog {
    consumer: Arc<str>,
    secrets: Arc<Secrets>,
}

impl ClientLog {
    /// For a client of this consumer with these settings.
    pub(crate) fn new(consumer: Arc<str>, settings: &ClientConfig) -> Self {
        Self { consumer, secrets: Arc::new(Secrets::of(settings)) }
    }

    pub(crate) fn consumer(&self) -> &Arc<str> {
        &self.consumer
    }

    /// Passes on a line that librdkafka logs.
    pub(crate) fn line(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel as L;
        let consumer = &*self.consumer;
        // It comes as an error as well.
        let level = if facility == "FAIL" && (level as u8) <= L::Error as u8 { L::Debug } else { level };
        // Looked through only if somebody wants to see it.
        let line = Line { secrets: &self.secrets, facility, message };
        match level {
            L::Emerg | L::Alert | L::Critical | L::Error => {
                tracing::error!(target: "librdkafka", consumer, facility, "{line}");
            }
            L::Warning => tracing::warn!(target: "librdkafka", consumer, facility, "{line}"),
            L::Notice | L::Info => tracing::info!(target: "librdkafka", consumer, facility, "{line}"),
            L::Debug => tracing::debug!(target: "librdkafka", consumer, facility, "{line}"),
        }
    }

    /// What may be shown of a reason that librdkafka gives.
    pub(crate) fn shown<'t>(&self, reason: &'t str) -> Cow<'t, str> {
        self.secrets.redact(reason)
    }

    /// The error of an app whose client cannot go on.
    pub(crate) fn error(&self, cause: KafkaError) -> Error {
        Inner::Client { consumer: Arc::clone(&self.consumer), cause: self.cause(cause) }.into()
    }

    pub(crate) fn cause(&self, error: KafkaError) -> ClientError {
        ClientError::new(error, |reason| self.shown(reason).into_owned())
    }
}

struct Line<'l> {
    secrets: &'l Secrets,
    facility: &'l str,
    message: &'l str,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.secrets.redact_line(self.facility, self.message))
    }
}
