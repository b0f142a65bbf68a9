//! The client for tests without a broker.

mod ends;
mod everywhere;
mod faults;
mod metrics;
mod monitoring;
mod sending;
mod settling;
mod stories;
mod support;
mod ways;
