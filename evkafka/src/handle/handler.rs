use std::time::Duration;

use super::{Attempt, Context, Requirements};
use crate::{__private::Generated, event::EventSpec};

/// What [`#[handler]`](macro@crate::handler) makes of a function: a type of the function's name that knows its events
/// and how to call it.
///
/// It is implemented by the attribute, and cannot be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "no function with `#[handler]` has this name",
    note = "annotate the function with `#[evkafka::handler]`, or `#[evkafka::handler(event = \"…\")]`",
    note = "a router is not listed: it is given without brackets, `orders: config => router`, or merged, `router![…].merge(router)`"
)]
pub trait Handler: Generated + Send + Sync + 'static {
    /// What is known of the handler at compile time.
    const SPEC: HandlerSpec;

    #[doc(hidden)]
    fn requires(requirements: &mut Requirements);

    #[doc(hidden)]
    fn call<'r>(context: &'r Context<'r>) -> impl Future<Output = Attempt> + Send + 'r;
}

/// What is known of a handler at compile time.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HandlerSpec {
    /// The function's full path, as `module_path!` writes it.
    pub path: &'static str,
    /// The event types it handles; empty for a fallback.
    pub events: &'static [&'static str],
    /// The version of these events that it handles; `None` if it handles those that no other handler has a version of.
    pub version: Option<u32>,
    /// The first line of its doc comment; empty if it has none.
    pub summary: &'static str,
    /// Whether it is a plain function, which runs on the blocking pool.
    pub blocking: bool,
    /// How it collects events, if it takes many at a time.
    pub batch: Option<BatchSpec>,
    /// What [`unique::hash`](crate::route::unique::hash) says of each event; empty if nobody has asked yet.
    pub(crate) hashes: &'static [u64],
}

/// How the events of a batch handler are collected: `batch(max = 500, within = "50ms")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchSpec {
    /// The most events of one call; at least 1. A call is made with fewer when they fill the partition's share of
    /// [`prefetch_memory_mib`](crate::ConsumerConfig::prefetch_memory_mib).
    pub max: usize,
    /// How long the first event waits for the others.
    pub within: Duration,
}

impl HandlerSpec {
    #[doc(hidden)]
    pub const fn new(path: &'static str, events: &'static [&'static str], summary: &'static str) -> Self {
        Self { path, events, version: None, summary, blocking: false, batch: None, hashes: &[] }
    }

    /// The hashes of its events, in their order.
    #[doc(hidden)]
    pub const fn hashed(mut self, hashes: &'static [u64]) -> Self {
        self.hashes = hashes;
        self
    }

    #[doc(hidden)]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    /// The version of the argument that the handler's event is that of.
    #[doc(hidden)]
    pub const fn version_of(mut self, event: EventSpec) -> Self {
        self.version = event.version;
        self
    }

    #[doc(hidden)]
    pub const fn blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    #[doc(hidden)]
    pub const fn batch(mut self, max: u32, within_ms: u64) -> Self {
        self.batch = Some(BatchSpec { max: max as usize, within: Duration::from_millis(within_ms) });
        self
    }

    /// Whether it takes what no other handler of its router matches.
    pub const fn is_fallback(&self) -> bool {
        self.events.is_empty()
    }
}
