//! Calling the function that a record was routed to: what it may take, what it may return.

mod argument;
mod attempt;
mod batch;
mod blocking;
mod context;
mod excused;
pub mod extract;
mod from_context;
mod handler;
mod opaque;
mod outcome;
mod owned_context;
pub(crate) mod panic;
#[doc(hidden)]
pub mod payloads;
mod rejection;
mod requirements;
mod states;
#[doc(hidden)]
pub mod via;

#[doc(hidden)]
pub use self::{
    argument::Later,
    blocking::call_blocking,
    opaque::{How, HowOpaque, HowOther, Returned},
    outcome::{attempt_of, requires_events},
};
pub use self::{
    argument::{Argument, ViaAsyncContext, ViaContext, ViaPayload},
    attempt::{Attempt, BoxError},
    batch::{BatchArgument, RecordIndependent, ViaAll, ViaEach},
    context::Context,
    from_context::{AsyncFromContext, FromContext, OptionalFromContext},
    handler::{BatchSpec, Handler, HandlerSpec},
    outcome::{HandlerError, IntoOutcome, Outcome},
    owned_context::OwnedContext,
    rejection::Rejection,
    requirements::Requirements,
};
pub(crate) use self::{
    blocking::{BlockingThreads, MOST_THREADS, ReservedThread},
    excused::{excused, take_excused},
    opaque::unveiled,
    states::States,
};
