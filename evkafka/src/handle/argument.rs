use std::pin::Pin;

use serde::Deserialize;

use super::{AsyncFromContext, Attempt, Context, FromContext, Rejection, Requirements, batch::Each};
use crate::decode;

/// What a handler's function may take: any `T: Deserialize`, which is the decoded payload, or an extractor
/// ([`FromContext`], [`AsyncFromContext`]).
///
/// `Via` tells them apart and is always inferred. The trait is implemented for you, and cannot be implemented otherwise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler",
    label = "neither an event nor an extractor",
    note = "a payload derives `serde::Deserialize`",
    note = "`State<T>` takes a `T` that derives `Clone`, and is `Send + Sync + 'static`",
    note = "other arguments are `Metadata`, `Headers`, `Key`, `Raw`, `Text`, `EventType`, `CancellationToken`, and what implements `evkafka::handle::FromContext` or `AsyncFromContext`"
)]
pub trait Argument<'r, Via>: sealed::Sealed<Via> + Sized {
    #[doc(hidden)]
    const IS_PAYLOAD: bool = false;

    /// Whether it is made by `later` and `each_later`, otherwise by `extract`.
    #[doc(hidden)]
    const AWAITS: bool = false;

    #[doc(hidden)]
    fn extract(context: &Context<'r>) -> Result<Self, Rejection> {
        let _ = context;
        unreachable!("an argument that is awaited")
    }

    #[doc(hidden)]
    fn later(context: &'r Context<'r>) -> Later<'r, Self> {
        let _ = context;
        unreachable!("an argument that is not awaited")
    }

    /// That of each record of a batch.
    #[doc(hidden)]
    fn each_later(batch: &'r [Context<'r>]) -> Later<'r, Vec<Self>> {
        let _ = batch;
        unreachable!("an argument that is not awaited")
    }

    #[doc(hidden)]
    fn requires(requirements: &mut Requirements);
}

/// An argument that is awaited. It is boxed, since the bounds of an opaque type would be told a second time for each handler whose
/// argument is none.
#[doc(hidden)]
pub type Later<'r, T> = Pin<Box<dyn Future<Output = Result<T, Attempt>> + Send + 'r>>;

/// Marks an [`Argument`] that is the decoded payload.
#[derive(Debug)]
pub enum ViaPayload {}

/// Marks an [`Argument`] that is an extractor.
#[derive(Debug)]
pub enum ViaContext {}

/// Marks an [`Argument`] that is an extractor which is awaited.
#[derive(Debug)]
pub enum ViaAsyncContext {}

mod sealed {
    /// Has no implementation for a marker of another crate.
    pub trait Sealed<Via> {}
}

impl<T> sealed::Sealed<ViaPayload> for T {}

impl<T> sealed::Sealed<ViaContext> for T {}

impl<T> sealed::Sealed<ViaAsyncContext> for T {}

#[diagnostic::do_not_recommend]
impl<'r, T: Deserialize<'r>> Argument<'r, ViaPayload> for T {
    const IS_PAYLOAD: bool = true;

    #[inline]
    fn extract(context: &Context<'r>) -> Result<Self, Rejection> {
        decode::payload(context.payload, || context.absent()).map_err(Rejection::from)
    }

    fn requires(_: &mut Requirements) {}
}

#[diagnostic::do_not_recommend]
impl<'r, T: FromContext<'r>> Argument<'r, ViaContext> for T {
    #[inline]
    fn extract(context: &Context<'r>) -> Result<Self, Rejection> {
        T::from_context(context).map_err(Into::into)
    }

    fn requires(requirements: &mut Requirements) {
        <T as FromContext<'r>>::requires(requirements);
    }
}

#[diagnostic::do_not_recommend]
impl<'r, T: AsyncFromContext<'r>> Argument<'r, ViaAsyncContext> for T {
    const AWAITS: bool = true;

    fn later(context: &'r Context<'r>) -> Later<'r, Self> {
        Box::pin(async move {
            T::from_context(context).await.map_err(|rejection| rejection.into().into_attempt())
        })
    }

    fn each_later(batch: &'r [Context<'r>]) -> Later<'r, Vec<Self>> {
        Box::pin(async move {
            let mut each = Each::with_capacity(batch.len());
            for context in batch {
                each.add(T::from_context(context).await.map_err(Into::into));
            }
            each.into_result()
        })
    }

    fn requires(requirements: &mut Requirements) {
        <T as AsyncFromContext<'r>>::requires(requirements);
    }
}
