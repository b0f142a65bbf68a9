//! What a consumer is told before it starts.
#![allow(dead_code, reason = "the configuration that is checked against these tables comes next")]

mod fault;
mod known;
mod owned;
mod secret;

pub use fault::{ConfigError, Fault};
