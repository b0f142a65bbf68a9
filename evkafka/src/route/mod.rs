//! From an event type's bytes to the handler that takes it.

mod nearest;
mod router;
mod routes;
mod table;
#[doc(hidden)]
pub mod unique;

pub(crate) use self::table::{RouteFault, RouteTable};
pub use self::{
    router::Router,
    routes::{Merged, Routes, WithPolicy},
};
