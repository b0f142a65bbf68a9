use std::{fmt::Write, time::Duration};

use super::{
    Extras, OwnHeader, Stamp,
    cloud_events::{CloudEvents, Mode},
};
use crate::{
    config::{EventFormat, ProducerConfig},
    event::Encoded,
    native::{RawHeader, RawRecord},
    record::Headers,
};

/// How an event becomes a record.
#[derive(Clone, Debug)]
pub(crate) struct RecordForm {
    /// Where events are sent that name no topic.
    pub(crate) topic: Option<String>,
    shape: Shape,
    /// The headers of a handled record that are passed on to what its handler sends.
    forwarded_headers: Vec<String>,
    /// How long a call may take that waits for its record's acknowledgement.
    pub(super) delivery_timeout: Duration,
}

/// Where the type of an event stands, and its version, if it has one.
#[derive(Clone, Debug)]
enum Shape {
    /// In headers of these names.
    Headers {
        event_type: String,
        version: String,
    },
    CloudEvents(CloudEvents),
}

/// The W3C's trace context, and the names that message brokers' frameworks have for what belongs together and what caused it.
const FORWARDED: &[&str] = &["traceparent", "tracestate", "correlation-id", "causation-id"];

/// What is of the trace among them.
#[cfg(feature = "otel")]
const TRACE: &[&str] = &["traceparent", "tracestate"];

/// An event has no topic: neither the call, nor the event, nor its producer names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoTopic;

/// The largest number of headers that a record without headers of its own has.
const FEW: usize = 8;

impl RecordForm {
    /// As a producer of this configuration sends them.
    pub(crate) fn of(config: &ProducerConfig) -> Self {
        let cloud_events = |mode| {
            Shape::CloudEvents(CloudEvents::new(mode, config.event_source.as_deref().unwrap_or_default()))
        };
        let forwarded = if config.forward_trace { FORWARDED } else { &[] };
        Self {
            topic: config.topic.clone(),
            shape: match config.event_format {
                EventFormat::Headers => Shape::Headers {
                    event_type: config.type_header().to_owned(),
                    version: config.version_header().to_owned(),
                },
                EventFormat::CloudEvents => cloud_events(Mode::Binary),
                EventFormat::CloudEventsStructured => cloud_events(Mode::Structured),
            },
            forwarded_headers: forwarded.iter().map(|name| (*name).to_owned()).collect(),
            delivery_timeout: config.delivery_timeout,
        }
    }

    /// The same, which passes on these headers of a handled record.
    #[cfg(test)]
    pub(crate) fn forwarding(self, headers: &[&str]) -> Self {
        Self { forwarded_headers: headers.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    /// Where an event goes that names this topic, or none.
    ///
    /// # Errors
    /// If nobody says so.
    pub(crate) fn topic<'r>(
        &'r self,
        events: Option<&'static str>,
        extras: &'r Extras,
    ) -> Result<&'r str, NoTopic> {
        extras.topic.as_deref().or(events).or(self.topic.as_deref()).ok_or(NoTopic)
    }

    /// Whether its records have an id, which is that of the call's [stamp](Extras::stamp).
    #[inline]
    pub(crate) fn has_ids(&self) -> bool {
        matches!(self.shape, Shape::CloudEvents(_))
    }

    /// What tells the event of a call from others, if its record says so.
    #[inline]
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.has_ids().then(Stamp::now)
    }

    /// Calls `with` with the record of an event for this topic, which has these headers besides those of the call: what a call says
    /// itself comes last, and consumers read the last.
    pub(crate) fn with_record<T>(
        &self,
        topic: &str,
        event: &Encoded<'_>,
        extras: &Extras,
        traced: &[OwnHeader],
        with: impl FnOnce(RawRecord<'_>) -> T,
    ) -> T {
        match &self.shape {
            Shape::Headers { event_type, version } => {
                with_headers([event_type, version], topic, event, extras, traced, with)
            }
            Shape::CloudEvents(cloud_events) => cloud_events.with_record(topic, event, extras, traced, with),
        }
    }

    /// The same, where spans say which trace a record belongs to.
    #[cfg(feature = "otel")]
    pub(crate) fn without_trace(mut self) -> Self {
        self.forwarded_headers.retain(|name| !TRACE.contains(&name.as_str()));
        self
    }

    /// Whether anything of a handled record's headers is passed on.
    pub(crate) fn forwards(&self) -> bool {
        !self.forwarded_headers.is_empty()
    }

    /// What of a handled record's headers is passed on to what its handler sends.
    pub(crate) fn forwarded(&self, headers: Headers<'_>) -> Vec<OwnHeader> {
        let forwarded = |name: &String| {
            let value = headers.get(name)?;
            Some((name.as_bytes().to_vec(), Some(value.to_vec())))
        };
        self.forwarded_headers.iter().filter_map(forwarded).collect()
    }
}

fn with_headers<T>(
    [type_header, version_header]: [&str; 2],
    topic: &str,
    event: &Encoded<'_>,
    extras: &Extras,
    traced: &[OwnHeader],
    with: impl FnOnce(RawRecord<'_>) -> T,
) -> T {
    let mut version = String::new();
    let mut few: [RawHeader<'_>; FEW] = [(&[], None); FEW];
    let mut many = Vec::new();
    few[0] = (type_header.as_bytes(), Some(event.name.as_bytes()));
    let mut len = 1;
    if let Some(number) = event.version {
        // Writing to a string does not fail.
        let _ = write!(version, "{number}");
        few[1] = (version_header.as_bytes(), Some(version.as_bytes()));
        len = 2;
    }
    let own = traced.iter().chain(&extras.headers);
    let own = own.map(|(name, value)| (name.as_slice(), value.as_deref()));
    let all = traced.len() + extras.headers.len();
    let headers = match few[len..].get_mut(..all) {
        Some(rest) => {
            rest.iter_mut().zip(own).for_each(|(place, header)| *place = header);
            &few[..len + all]
        }
        None => {
            many.extend(few[..len].iter().copied().chain(own));
            &many
        }
    };
    with(extras.record(topic, event.key, headers, event.payload))
}

#[cfg(feature = "testing")]
mod read;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::EncodedName, record::OwnedRecord};

    fn form(topic: Option<&str>) -> RecordForm {
        let config = ProducerConfig::new();
        let config = topic.into_iter().fold(config, ProducerConfig::topic);
        RecordForm::of(&config).forwarding(&["traceparent", "baggage"])
    }

    fn headers(extras: &Extras) -> Vec<(String, Option<Vec<u8>>)> {
        let event =
            Encoded { name: EncodedName::of("Paid"), version: Some(12), key: None, payload: b"{}", place: 4 };
        let read = |record: RawRecord<'_>| {
            let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
            record.headers.iter().map(|(name, value)| (text(name), value.map(<[u8]>::to_vec))).collect()
        };
        form(None).with_record("paid", &event, extras, &[], read)
    }

    #[test]
    fn type_and_version_come_first_and_the_headers_of_a_call_in_their_order() {
        for count in [0, 1, FEW - 2, FEW - 1, 3 * FEW] {
            let own: Vec<OwnHeader> =
                (0..count).map(|i| (format!("h{i}").into_bytes(), (i != 1).then(|| vec![i as u8]))).collect();
            let extras = Extras { headers: own.clone(), ..Extras::default() };
            let headers = headers(&extras);
            assert_eq!(headers.len(), 2 + count);
            assert_eq!(headers[0], ("Event-Type".to_owned(), Some(b"Paid".to_vec())));
            assert_eq!(headers[1], ("Event-Version".to_owned(), Some(b"12".to_vec())));
            for (header, own) in headers[2..].iter().zip(own) {
                assert_eq!((header.0.as_bytes(), &header.1), (&*own.0, &own.1));
            }
        }
    }

    #[test]
    fn a_call_goes_before_the_event_and_the_event_before_the_producer() {
        let elsewhere = Extras { topic: Some("elsewhere".to_owned()), ..Extras::default() };
        let none = Extras::default();
        assert_eq!(form(Some("producers")).topic(Some("events"), &elsewhere), Ok("elsewhere"));
        assert_eq!(form(Some("producers")).topic(Some("events"), &none), Ok("events"));
        assert_eq!(form(Some("producers")).topic(None, &none), Ok("producers"));
        assert_eq!(form(None).topic(None, &none), Err(NoTopic));
    }

    #[test]
    fn what_was_there_is_forwarded() {
        let record = OwnedRecord::new("orders", 0, 7).header("traceparent", "00-1").header("other", "x");
        let forwarded = form(None).forwarded(record.as_record().headers());
        assert_eq!(forwarded, [(b"traceparent".to_vec(), Some(b"00-1".to_vec()))]);
    }
}
