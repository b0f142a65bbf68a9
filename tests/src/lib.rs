//! What the tests of this workspace share: real Kafka clusters ([`kafka`]) and services that run as processes of their
//! own ([`process`]).
//!
//! Everything here blocks, and may be called from a plain test as well as from an asynchronous one. Whatever goes wrong is
//! a panic that says what was expected and what was seen instead; no wait is without a deadline.

pub mod kafka;
pub mod process;
