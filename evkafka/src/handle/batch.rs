//! What a batch handler may take.

use super::{Argument, Attempt, BoxError, Context, FromContext, Requirements};

/// What a batch handler's function may take: `Vec<T>`, with an element for each record, of any `T` that a handler of single
/// records may take ([`Argument`]); and what is the same for all records ([`RecordIndependent`]), such as
/// [`State`](super::extract::State).
///
/// `Via` tells the two apart and is always inferred. The trait is implemented for you.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a batch handler",
    label = "neither one for each record nor the same for all",
    note = "for the events, or what else each record has its own of: take a `Vec` of it, such as `Vec<OrderCreated>` or `Vec<Metadata>`",
    note = "the element of a `Vec` is what a handler of single events may take: derive `serde::Deserialize` for a payload's type",
    note = "the same for all records are `State<T>` (of a `T` that derives `Clone`, and is `Send + Sync + 'static`), `CancellationToken`, and what implements `evkafka::handle::RecordIndependent`"
)]
pub trait BatchArgument<'r, Via>: Sized {
    #[doc(hidden)]
    const IS_PAYLOAD: bool;

    #[doc(hidden)]
    fn extract(context: &Context<'r>) -> Result<Self, Attempt>;

    #[doc(hidden)]
    fn requires(requirements: &mut Requirements);
}

/// Marks an extractor that does not look at the record, so that a batch handler can take it once for all of them.
///
/// ```
/// use evkafka::handle::{Context, FromContext, RecordIndependent};
///
/// struct Attempt(u32);
///
/// impl<'r> FromContext<'r> for Attempt {
///     type Rejection = std::convert::Infallible;
///
///     fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
///         Ok(Attempt(context.attempt()))
///     }
/// }
///
/// impl RecordIndependent for Attempt {}
/// ```
pub trait RecordIndependent {}

/// Marks a [`BatchArgument`] with an element for each record.
#[derive(Debug)]
pub struct ViaEach<Via>(Via);

/// Marks a [`BatchArgument`] that is the same for all records.
#[derive(Debug)]
pub enum ViaAll {}

#[diagnostic::do_not_recommend]
impl<'r, T: Argument<'r, Via>, Via> BatchArgument<'r, ViaEach<Via>> for Vec<T> {
    const IS_PAYLOAD: bool = T::IS_PAYLOAD;

    fn extract(context: &Context<'r>) -> Result<Self, Attempt> {
        let mut values = Vec::with_capacity(context.batch.len());
        let mut faults = Vec::new();
        for (index, context) in context.batch.iter().enumerate() {
            match T::extract(context) {
                Ok(value) => values.push(value),
                Err(cause) => faults.push((index, cause)),
            }
        }
        if faults.is_empty() { Ok(values) } else { Err(Attempt::UndecodableAmong(faults)) }
    }

    fn requires(requirements: &mut Requirements) {
        T::requires(requirements);
    }
}

#[diagnostic::do_not_recommend]
impl<'r, T: FromContext<'r> + RecordIndependent> BatchArgument<'r, ViaAll> for T {
    const IS_PAYLOAD: bool = false;

    fn extract(context: &Context<'r>) -> Result<Self, Attempt> {
        T::from_context(context).map_err(|rejection| Attempt::Undecodable(BoxError::from(rejection.into())))
    }

    fn requires(requirements: &mut Requirements) {
        <T as FromContext<'r>>::requires(requirements);
    }
}
