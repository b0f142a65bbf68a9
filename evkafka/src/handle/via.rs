//! Reports a type that is both a payload and an extractor as such. Left to inference, it is "type annotations needed".

use std::marker::PhantomData;

use serde::Deserialize;

use super::{AsyncFromContext, FromContext, ViaEach, ViaPayload};

/// How an argument of type `T` is made. `ViaOf::<T>::VIA` is the constant of the type for one that is both, since that takes precedence, and
/// otherwise that of [`Inferred`], which leaves it to the bound that the argument has to meet.
#[derive(Debug)]
pub struct ViaOf<T>(PhantomData<T>);

/// The same for an argument of a batch handler.
#[derive(Debug)]
pub struct BatchViaOf<T>(PhantomData<T>);

/// Whether there is one way to make the argument, `Via`, or there are two.
#[derive(Debug)]
pub struct Ways<Via, Count>(PhantomData<(Via, Count)>);

#[derive(Debug)]
pub enum One {}

#[derive(Debug)]
pub enum Two {}

/// That there is one way to make a `T`.
#[diagnostic::on_unimplemented(
    message = "`{T}` is both a payload and an extractor",
    label = "implements `serde::Deserialize` as well as `FromContext` or `AsyncFromContext`",
    note = "remove `Deserialize` to have the extractor called, or the extractor to have the payload decoded"
)]
pub trait OneWay<T> {}

#[diagnostic::do_not_recommend]
impl<T> OneWay<T> for One {}

// That of a payload, so that the bound of an argument is met, and there is one error.
impl<'r, T: Deserialize<'r> + FromContext<'r>> ViaOf<T> {
    pub const VIA: Ways<ViaPayload, Two> = Ways(PhantomData);
}

impl<'r, T: Deserialize<'r> + AsyncFromContext<'r>> ViaOf<T> {
    pub const VIA_ASYNC: Ways<ViaPayload, Two> = Ways(PhantomData);
}

impl<'r, T: Deserialize<'r> + FromContext<'r>> BatchViaOf<Vec<T>> {
    pub const VIA: Ways<ViaEach<ViaPayload>, Two> = Ways(PhantomData);
}

impl<'r, T: Deserialize<'r> + AsyncFromContext<'r>> BatchViaOf<Vec<T>> {
    pub const VIA_ASYNC: Ways<ViaEach<ViaPayload>, Two> = Ways(PhantomData);
}

/// For types that are not both.
pub trait Inferred<Via> {
    const VIA: Ways<Via, One> = Ways(PhantomData);
}

impl<T, Via> Inferred<Via> for ViaOf<T> {}

impl<T, Via> Inferred<Via> for BatchViaOf<T> {}

/// For types that are not both, the extractor being awaited.
pub trait InferredAsync<Via> {
    const VIA_ASYNC: Ways<Via, One> = Ways(PhantomData);
}

impl<T, Via> InferredAsync<Via> for ViaOf<T> {}

impl<T, Via> InferredAsync<Via> for BatchViaOf<T> {}
