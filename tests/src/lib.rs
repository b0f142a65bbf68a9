//! What the tests of this workspace share: real Kafka clusters ([`kafka`]) and services that run as processes of their
//! own ([`process`]).
//!
//! Everything here blocks, and may be called from a plain test as well as from an asynchronous one. Whatever goes wrong is
//! a panic that says what was expected and what was seen instead; no wait is without a deadline.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

pub mod kafka;
pub mod options;
pub mod process;
#[cfg(feature = "traced")]
pub mod traced;

/// What a future gives that does not wait: for measuring it without a runtime around it.
///
/// # Panics
///
/// When it waits.
#[inline]
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing in here waits"),
    }
}

/// Bytes that no compression makes fewer, the same each time.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

// The code in the README and in `docs/` is compiled and run from here: a package must not include what is outside of it.
#[cfg(doctest)]
mod docs {
    #[doc = include_str!("../../README.md")]
    mod readme {}

    #[doc = include_str!("../../docs/handlers.md")]
    mod handlers {}

    #[doc = include_str!("../../docs/layers.md")]
    mod layers {}

    #[doc = include_str!("../../docs/event-types.md")]
    mod event_types {}

    #[doc = include_str!("../../docs/delivery.md")]
    mod delivery {}

    #[doc = include_str!("../../docs/sending.md")]
    mod sending {}

    #[doc = include_str!("../../docs/configuration.md")]
    mod configuration {}

    #[doc = include_str!("../../docs/testing.md")]
    mod testing {}

    #[doc = include_str!("../../docs/logs.md")]
    mod logs {}

    #[doc = include_str!("../../docs/metrics.md")]
    mod metrics {}

    #[doc = include_str!("../../docs/health.md")]
    mod health {}

    #[doc = include_str!("../../docs/traces.md")]
    mod traces {}
}

// The examples in the macros' documentation are compiled and run from here: the macros' own crate cannot depend on evkafka.
#[cfg(doctest)]
mod macros {
    #[doc = include_str!("../../evkafka-macros/src/docs/handler.md")]
    mod handler {}

    #[doc = include_str!("../../evkafka-macros/src/docs/event.md")]
    mod event {}

    #[doc = include_str!("../../evkafka-macros/src/docs/router.md")]
    mod router {}

    #[doc = include_str!("../../evkafka-macros/src/docs/app.md")]
    mod app {}
}
