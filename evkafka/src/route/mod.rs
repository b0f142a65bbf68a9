//! From an event type's bytes to the handler that takes it.

mod boxed;
mod layered;
mod merged;
mod nearest;
mod router;
mod routes;
mod table;
#[doc(hidden)]
pub mod unique;
mod with_policy;

#[doc(hidden)]
pub use self::merged::Nothing;
pub use self::{
    boxed::Boxed, layered::Layered, merged::Merged, router::Router, routes::Routes, with_policy::WithPolicy,
};
pub(crate) use self::{
    routes::{fmt_routes, no_such_handler},
    table::{EventIndex, Matched, RouteFault, RouteTable},
};
