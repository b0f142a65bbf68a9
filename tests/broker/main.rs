//! Tests against Apache Kafka: `scripts/kafka run -- cargo test -p evkafka-tests --features broker`.

#![allow(clippy::print_stdout, reason = "what was lost and repeated is worth knowing")]

mod control;
mod counterparts;
mod crashes;
mod dead_letters;
mod delivery;
mod elections;
mod faults;
mod harness;
mod joining;
mod members;
mod one_group;
mod position;
mod sending;
mod sent_again;
mod shutdown;
mod support;
