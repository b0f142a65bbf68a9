#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, missing_copy_implementations)]
#![deny(unused_qualifications, single_use_lifetimes, elided_lifetimes_in_paths)]

//! Attributes and places of a handler; nothing here may cause a warning.

use evkafka::{Key, handler, router};

/// A handler that is not to be used any more.
#[deprecated]
#[handler(event = "A")]
pub async fn deprecated() {}

#[handler(event = "B")]
#[cfg(any())]
async fn absent(_: Missing) -> AlsoMissing {}

#[handler(event = "C")]
#[cfg_attr(any(), cfg(any()), no_such_attribute)]
#[cfg_attr(all(), cfg(any()))]
async fn absent_too(_: Missing) {}

#[cfg(all())]
#[handler(event = "C")]
#[cfg(all())]
async fn present() {}

#[allow(dead_code)]
#[handler(event = "D")]
async fn unlisted() {}

#[doc(hidden)]
#[must_use]
#[inline(never)]
#[handler(event = "E")]
pub fn plain<'a>(_: State<&'static str>) -> Result<(), String>
where
    'a: 'static,
{
    Ok(())
}

use evkafka::State;

#[allow(non_snake_case)]
#[handler(event = "F")]
async fn OtherCase() {}

#[handler(event = "G")]
async fn r#match(_: Key<'_>) {}

mod nested {
    pub(super) mod deeper {
        #[evkafka::handler(event = "H")]
        pub(in super::super) async fn restricted() {}
    }
}

macro_rules! make {
    ($name:ident, $event:literal, $ty:ty, $again:expr) => {
        #[handler(event = [$event, "J2"])]
        async fn $name(_: $ty) -> Result<(), std::io::Error> {
            Ok(())
        }
    };
}

make!(made, "J", Vec<u8>, "K");

/// Lists them all.
#[allow(deprecated)]
pub fn routes() {
    #[handler(fallback)]
    async fn in_a_body() {}

    let _ =
        router![deprecated, present, plain, OtherCase, r#match, nested::deeper::restricted, made, in_a_body,];
}

fn main() {
    routes();
}
