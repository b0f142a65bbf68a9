//! The attributes of spans, by [OpenTelemetry's conventions](https://opentelemetry.io/docs/specs/semconv/messaging/kafka/) where they
//! have one, and under `evkafka.` otherwise. The conventions' own crate is not used: it lags behind, and a dozen names are written down
//! quickly.

use opentelemetry::{KeyValue, StringValue, Value};

use crate::settle::FailureKind;

pub(super) const SYSTEM: &str = "messaging.system";
pub(super) const OPERATION: &str = "messaging.operation.name";
pub(super) const OPERATION_TYPE: &str = "messaging.operation.type";
pub(super) const DESTINATION: &str = "messaging.destination.name";
pub(super) const PARTITION: &str = "messaging.destination.partition.id";
pub(super) const OFFSET: &str = "messaging.kafka.offset";
pub(super) const KEY: &str = "messaging.kafka.message.key";
pub(super) const TOMBSTONE: &str = "messaging.kafka.message.tombstone";
pub(super) const GROUP: &str = "messaging.consumer.group.name";
pub(super) const MESSAGES: &str = "messaging.batch.message_count";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const CONSUMER: &str = "evkafka.consumer";
pub(super) const PRODUCER: &str = "evkafka.producer";
pub(super) const EVENT: &str = "evkafka.event";
pub(super) const ATTEMPT: &str = "evkafka.attempt";
pub(super) const OUTCOME: &str = "evkafka.outcome";

pub(super) fn text(key: &'static str, value: impl Into<StringValue>) -> KeyValue {
    KeyValue::new(key, Value::String(value.into()))
}

pub(super) fn number(key: &'static str, value: impl TryInto<i64>) -> KeyValue {
    KeyValue::new(key, Value::I64(value.try_into().unwrap_or(i64::MAX)))
}

/// The `error.type` of a failure; `None` where nothing has failed.
pub(super) fn error_type(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::Error => Some("error"),
        FailureKind::Panic => Some("panic"),
        FailureKind::Undecodable => Some("undecodable"),
        FailureKind::Rejected => Some("rejected"),
        FailureKind::Timeout => Some("timeout"),
        FailureKind::Unsent => Some("unsent"),
        FailureKind::Postponed | FailureKind::Released => None,
    }
}
