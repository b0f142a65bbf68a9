//! The client for tests without a broker.

mod ends;
mod everywhere;
mod faults;
mod forms;
mod metrics;
mod monitoring;
mod sending;
mod settling;
mod stories;
mod support;
mod traces;
mod ways;
