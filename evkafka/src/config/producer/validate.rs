use std::time::Duration;

use super::{EventFormat, ProducerConfig};
use crate::config::ConfigError;
use crate::config::fault::Faults;
use crate::config::names::{judge_legal, judge_text};
use crate::config::properties::Elsewhere;
use crate::config::servers::{find_in_servers, find_missing_servers};
use crate::config::statistics::find_in_interval;

/// What librdkafka takes at most for `message.timeout.ms`.
const LONGEST_DELIVERY: Duration = Duration::from_millis(i32::MAX as u64);
/// And for `linger.ms`.
const LONGEST_LINGER: Duration = Duration::from_secs(900);

impl ProducerConfig {
    /// Checks the whole configuration, without connecting anywhere. It is also checked when a producer is made of it.
    ///
    /// It reads the files and environment variables that properties refer to (`sasl.password.file`, `sasl.password.env`), and
    /// checks the values in them.
    ///
    /// # Errors
    ///
    /// If a required setting is missing, a setting or a property has a value that it cannot have, a value cannot be read,
    /// or a property is unknown, of use to consumers only, or owned by evkafka: one error that names all of these faults.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.resolve().map(drop)
    }

    /// Finds what is required and not there.
    pub(super) fn find_missing(&self, faults: &mut Faults) {
        find_missing_servers(&self.bootstrap_servers, faults);
        match (self.event_format, &self.event_source) {
            (EventFormat::Headers, Some(_)) => faults.add(
                "event_source",
                "has an effect only with CloudEvents: set `event_format` to `cloudevents` or `cloudevents-structured`, or leave it out",
            ),
            (EventFormat::CloudEvents | EventFormat::CloudEventsStructured, None) => faults.add(
                "event_source",
                format!(
                    "is required where `event_format` is `{}`: a URI reference that says whose events they are, such as `/billing`",
                    self.event_format.name()
                ),
            ),
            _ => {}
        }
    }

    /// Finds what is wrong with what is there, as far as it shows without looking elsewhere.
    pub(super) fn find_written(&self, faults: &mut Faults) {
        self.find_in_settings(faults);
        self.judge_properties(Elsewhere::Leave, faults);
    }

    /// Finds what is wrong with settings by themselves.
    pub(super) fn find_in_settings(&self, faults: &mut Faults) {
        find_in_servers(&self.bootstrap_servers, faults);
        if let Some(fault) = self.topic.as_deref().and_then(|topic| judge_legal(topic, "topic")) {
            faults.add("topic", fault);
        }
        self.find_in_headers(faults);
        if let Some(fault) = self.event_source.as_deref().and_then(judge_source) {
            faults.add("event_source", fault);
        }
        self.find_in_times(faults);
        find_in_interval(self.statistics_interval, faults);
    }

    fn find_in_headers(&self, faults: &mut Faults) {
        for (setting, name) in [
            ("event_type_header", &self.event_type_header),
            ("event_version_header", &self.event_version_header),
        ] {
            let Some(name) = name else { continue };
            if let Some(fault) = judge_text(name) {
                faults.add(setting, fault);
            }
            if self.event_format != EventFormat::Headers {
                let format = self.event_format.name();
                faults
                    .add(setting, format!("has no effect where `event_format` is `{format}`; leave it out"));
            }
        }
        if self.type_header() == self.version_header() {
            faults.add("event_version_header", "must not be the header that `event_type_header` names");
        }
    }

    fn find_in_times(&self, faults: &mut Faults) {
        // librdkafka takes zero for no limit.
        if self.delivery_timeout < Duration::from_millis(1) {
            faults.add("delivery_timeout", "must be at least 1 ms");
        }
        if self.delivery_timeout > LONGEST_DELIVERY {
            faults.add("delivery_timeout", "must be at most 2147483647 ms (24 days)");
        }
        if self.linger > LONGEST_LINGER {
            faults.add("linger", "must be at most 15 min");
        } else if self.linger >= self.delivery_timeout {
            faults
                .add("linger", "must be shorter than `delivery_timeout`, or no event would be sent in time");
        }
    }
}

/// Of a URI reference, as far as its characters say.
fn judge_source(source: &str) -> Option<String> {
    let is_legal = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
    judge_text(source).or_else(|| {
        let illegal = source.chars().find(|c| !is_legal(*c))?;
        Some(format!("must be a URI reference, such as `/billing`, which cannot contain `{illegal}`: write it percent-encoded"))
    })
}

#[cfg(test)]
mod tests;
