//! evkafka on the embedded cluster: what plain `cargo test` shows.

mod awaited_extractors;
mod batches;
mod blocking;
mod cancelled;
mod cluster;
mod control;
mod dead_letter_loops;
mod dead_letters;
mod delivery;
mod event_types;
mod extractors;
mod failures;
mod final_errors;
mod floods;
mod going_back;
mod groups;
mod hostile;
mod joining;
mod layers;
mod logs;
mod looking_up;
mod memory;
mod position;
mod progress;
mod refused_letters;
mod restart;
mod revoke;
mod schema;
mod sending;
mod shutdown;
#[cfg(unix)]
mod signals;
mod start;
mod support;
mod unmatched;
mod waiting;
