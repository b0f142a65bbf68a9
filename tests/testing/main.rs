//! The client for tests without a broker.

mod settling;
mod support;
