//! What the macros' expansions refer to. Not part of the interface.

pub use crate::{
    app::App,
    handle::{Argument, Attempt, Context, Handler, HandlerSpec, IntoOutcome, Requirements, call_blocking},
    route::{Router, Routes},
};

/// Makes a handler's argument; the attempt is over if that fails.
pub fn extract<'r, T: Argument<'r, Via>, Via>(context: &'r Context<'r>) -> Result<T, Attempt> {
    T::extract(context).map_err(Attempt::Undecodable)
}

/// Notes what a handler's argument needs from the app.
pub fn requires<'r, T: Argument<'r, Via>, Via>(requirements: &mut Requirements) {
    T::requires(requirements);
}
