//! CloudEvents' Kafka binding: in binary mode headers have the attributes, in structured mode a JSON object has them, and the data.

use super::{header::last_ignoring_case, json, place::Answer};
use crate::{decode::Envelope, record::Record};

const TYPE_HEADER: &str = "ce_type";

const STRUCTURED: &[u8] = b"application/cloudevents";

pub(super) fn ask<'r>(record: &Record<'r>) -> Option<Answer<'r>> {
    let headers = record.headers();
    if last_ignoring_case(headers, "content-type").is_some_and(is_structured) {
        return structured(record.payload()?);
    }
    if let Some(name) = headers.get(TYPE_HEADER) {
        return Some(Answer::borrowed(name));
    }
    // Senders often forget the content type. Every event has both fields, and hardly anything else has.
    let payload = record.payload()?;
    json::text(payload, "specversion")?;
    structured(payload)
}

fn is_structured(content_type: &[u8]) -> bool {
    content_type.get(..STRUCTURED.len()).is_some_and(|start| start.eq_ignore_ascii_case(STRUCTURED))
}

fn structured(payload: &[u8]) -> Option<Answer<'_>> {
    json::text(payload, "type").map(|name| Answer::within(Envelope::CloudEvents, name))
}
