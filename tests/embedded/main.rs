//! evkafka on the embedded cluster: what plain `cargo test` shows.

mod batches;
mod dead_letters;
mod delivery;
mod extractors;
mod failures;
mod going_back;
mod groups;
mod hostile;
mod joining;
mod logs;
mod progress;
mod restart;
mod revoke;
mod shutdown;
mod start;
mod support;
