//! The client for tests without a broker.

mod ends;
mod faults;
mod sending;
mod settling;
mod stories;
mod support;
mod ways;
