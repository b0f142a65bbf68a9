//! What librdkafka says of a client, without the client's secrets.
//!
//! Everything that librdkafka writes in words of its own goes through here: lines of its log, the reasons of its errors.

use std::{borrow::Cow, fmt, sync::Arc, time::Instant};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};

use super::statistics::{ClientStatistics, Standing, Statistics};
use crate::{
    config::Secrets,
    error::{ClientError, Error, Inner},
    logged::logged,
};

/// Tells what librdkafka says of a client.
#[derive(Clone, Debug)]
pub(crate) struct ClientLog {
    name: Arc<str>,
    owner: Owner,
    secrets: Arc<Secrets>,
    statistics: Arc<Statistics>,
}

/// Whose client it is.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Consumer,
    Producer,
}

impl ClientLog {
    /// For a client of this consumer with these settings.
    pub(crate) fn new(consumer: Arc<str>, settings: &ClientConfig) -> Self {
        Self {
            name: consumer,
            owner: Owner::Consumer,
            secrets: Arc::new(Secrets::of(settings)),
            statistics: Arc::default(),
        }
    }

    /// For a client of this producer with these settings.
    pub(crate) fn of_producer(producer: Arc<str>, settings: &ClientConfig) -> Self {
        Self { owner: Owner::Producer, ..Self::new(producer, settings) }
    }

    /// The same; what its clients report is kept here.
    pub(crate) fn with_statistics(self, statistics: &Arc<Statistics>) -> Self {
        Self { statistics: Arc::clone(statistics), ..self }
    }

    /// Where the reports of one client go.
    pub(crate) fn reports(&self) -> ClientReports {
        ClientReports { log: self.clone(), statistics: self.statistics.client(), has_failed: false }
    }

    /// The name of the consumer or producer.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The field `consumer` of its log lines.
    pub(crate) fn consumer(&self) -> Option<&str> {
        match self.owner {
            Owner::Consumer => Some(&self.name),
            Owner::Producer => None,
        }
    }

    /// The field `producer` of its log lines.
    pub(crate) fn producer(&self) -> Option<&str> {
        match self.owner {
            Owner::Consumer => None,
            Owner::Producer => Some(&self.name),
        }
    }

    /// Passes on a line that librdkafka logs.
    pub(crate) fn line(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel as L;
        let (consumer, producer) = (self.consumer(), self.producer());
        // It comes as an error as well.
        let level = if facility == "FAIL" && (level as u8) <= L::Error as u8 { L::Debug } else { level };
        // Looked through only if somebody wants to see it.
        let line = Line { secrets: &self.secrets, facility, message };
        logged(|| match level {
            L::Emerg | L::Alert | L::Critical | L::Error => {
                tracing::error!(target: "librdkafka", consumer, producer, facility, "{line}");
            }
            L::Warning => tracing::warn!(target: "librdkafka", consumer, producer, facility, "{line}"),
            L::Notice | L::Info => {
                tracing::info!(target: "librdkafka", consumer, producer, facility, "{line}")
            }
            L::Debug => tracing::debug!(target: "librdkafka", consumer, producer, facility, "{line}"),
        });
    }

    /// What may be shown of a reason that librdkafka gives.
    pub(crate) fn shown<'t>(&self, reason: &'t str) -> Cow<'t, str> {
        self.secrets.redact(reason)
    }

    /// The error of an app whose client cannot go on.
    pub(crate) fn error(&self, cause: KafkaError) -> Error {
        Inner::Client { consumer: Arc::clone(&self.name), cause: self.cause(cause) }.into()
    }

    pub(crate) fn cause(&self, error: KafkaError) -> ClientError {
        ClientError::new(error, |reason| self.shown(reason).into_owned())
    }
}

/// Takes the reports of one client.
#[derive(Debug)]
pub(crate) struct ClientReports {
    log: ClientLog,
    statistics: ClientStatistics,
    /// Whether one could not be read, which is logged once: the next ones are no better.
    has_failed: bool,
}

impl ClientReports {
    pub(crate) fn hear(&mut self, json: &[u8], standing: Standing) {
        let Err(error) = self.statistics.hear(json, standing, Instant::now()) else { return };
        if !std::mem::replace(&mut self.has_failed, true) {
            let (consumer, producer) = (self.log.consumer(), self.log.producer());
            let error = error.to_string();
            logged(|| {
                tracing::warn!(
                    target: "librdkafka",
                    consumer,
                    producer,
                    error = &*self.log.shown(&error),
                    advice = "look for a quote or a backslash in `client.id`, which librdkafka does not escape",
                    "the client's statistics cannot be read, and are missing among the metrics"
                );
            });
        }
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
