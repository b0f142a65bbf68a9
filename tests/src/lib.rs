//! What the tests of this workspace share: real Kafka clusters ([`kafka`]) and services that run as processes of their
//! own ([`process`]).
//!
//! Everything here blocks, and may be called from a plain test as well as from an asynchronous one. Whatever goes wrong is
//! a panic that says what was expected and what was seen instead; no wait is without a deadline.

pub mod kafka;
pub mod process;

// The examples in the macros' documentation are compiled and run from here: the macros' own crate cannot depend on evkafka.
#[cfg(doctest)]
mod macros {
    #[doc = include_str!("../../evkafka-macros/src/docs/handler.md")]
    mod handler {}

    #[doc = include_str!("../../evkafka-macros/src/docs/router.md")]
    mod router {}

    #[doc = include_str!("../../evkafka-macros/src/docs/app.md")]
    mod app {}
}
