//! Typed event handlers on Apache Kafka.
