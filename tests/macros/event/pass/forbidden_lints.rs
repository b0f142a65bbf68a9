#![forbid(
    deprecated,
    missing_docs,
    single_use_lifetimes,
    unused_lifetimes,
    unused_qualifications,
    unreachable_pub,
    let_underscore_drop,
    trivial_bounds,
    nonstandard_style,
    elided_lifetimes_in_paths,
    unsafe_code
)]
//! Lints that forbid what the derive might expand to.

use evkafka::Event;

/// An event that nobody should send.
#[derive(Event)]
#[event(key = id)]
#[deprecated]
pub struct Old<'a> {
    /// Who it is about.
    #[deprecated]
    pub id: &'a str,
}

/// Not `Serialize`.
#[derive(Event)]
#[event(name = names::OLD, key = inner.0)]
pub struct New {
    /// Who it is about.
    pub inner: (u64, u8),
}

mod names {
    pub(crate) const OLD: &str = "Old";
}

fn main() {
    let new = New { inner: (7, 8) };
    assert_eq!((New::NAME, new.inner.1), ("Old", 8));
}
