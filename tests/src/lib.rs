//! Tests across the crates of evkafka. Nothing is to be found here but the documentation of the macros, whose
//! examples are compiled and run from this crate: the macros' own crate cannot depend on evkafka.

#![cfg(doctest)]

#[doc = include_str!("../../evkafka-macros/src/docs/handler.md")]
mod handler {}

#[doc = include_str!("../../evkafka-macros/src/docs/router.md")]
mod router {}

#[doc = include_str!("../../evkafka-macros/src/docs/app.md")]
mod app {}
