//! What a batch handler may take.

use super::{Argument, Attempt, BoxError, Context, Later, Rejection, Requirements};

/// What a batch handler's function may take: `Vec<T>`, with an element for each record, of any `T` that a handler of single
/// records may take ([`Argument`]); and what is the same for all records ([`RecordIndependent`]), such as
/// [`State`](super::extract::State).
///
/// `Via` tells the two apart and is always inferred. The trait is implemented for you, and cannot be implemented otherwise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a batch handler",
    label = "neither one for each record nor the same for all",
    note = "for the events, or what else each record has its own of: take a `Vec` of it, such as `Vec<OrderCreated>` or `Vec<Metadata>`",
    note = "the element of a `Vec` is what a handler of single events may take: derive `serde::Deserialize` for a payload's type",
    note = "the same for all records are `State<T>` (of a `T` that derives `Clone`, and is `Send + Sync + 'static`), `CancellationToken`, and what implements `evkafka::handle::RecordIndependent`"
)]
pub trait BatchArgument<'r, Via>: sealed::Sealed<'r, Via> + Sized {
    #[doc(hidden)]
    const IS_PAYLOAD: bool;

    /// Whether it is made by `later`, otherwise by `extract`.
    #[doc(hidden)]
    const AWAITS: bool;

    #[doc(hidden)]
    fn extract(context: &Context<'r>) -> Result<Self, Attempt>;

    #[doc(hidden)]
    fn later(context: &'r Context<'r>) -> Later<'r, Self>;

    #[doc(hidden)]
    fn requires(requirements: &mut Requirements);
}

/// Marks an extractor ([`FromContext`](super::FromContext), [`AsyncFromContext`](super::AsyncFromContext)) that does not look at the record, so that a batch handler can take it once for all of them.
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
pub struct ViaAll<Via>(Via);

mod sealed {
    /// Has no implementation for a marker of another crate.
    pub trait Sealed<'r, Via> {}
}

impl<'r, T: Argument<'r, Via>, Via> sealed::Sealed<'r, ViaEach<Via>> for Vec<T> {}

impl<'r, T: Argument<'r, Via> + RecordIndependent, Via> sealed::Sealed<'r, ViaAll<Via>> for T {}

#[diagnostic::do_not_recommend]
impl<'r, T: Argument<'r, Via>, Via> BatchArgument<'r, ViaEach<Via>> for Vec<T> {
    const IS_PAYLOAD: bool = T::IS_PAYLOAD;
    const AWAITS: bool = T::AWAITS;

    fn extract(context: &Context<'r>) -> Result<Self, Attempt> {
        let mut each = Each::with_capacity(context.batch.len());
        context.batch.iter().for_each(|context| each.add(T::extract(context)));
        each.into_result()
    }

    fn later(context: &'r Context<'r>) -> Later<'r, Self> {
        T::each_later(context.batch)
    }

    fn requires(requirements: &mut Requirements) {
        T::requires(requirements);
    }
}

#[diagnostic::do_not_recommend]
impl<'r, T: Argument<'r, Via> + RecordIndependent, Via> BatchArgument<'r, ViaAll<Via>> for T {
    const IS_PAYLOAD: bool = false;
    const AWAITS: bool = T::AWAITS;

    fn extract(context: &Context<'r>) -> Result<Self, Attempt> {
        T::extract(context).map_err(Rejection::into_attempt)
    }

    fn later(context: &'r Context<'r>) -> Later<'r, Self> {
        T::later(context)
    }

    fn requires(requirements: &mut Requirements) {
        T::requires(requirements);
    }
}

/// The arguments of the records of a batch, in order.
pub(super) struct Each<T> {
    values: Vec<T>,
    seen: usize,
    /// Those that are taken out of the batch.
    faults: Vec<(usize, BoxError)>,
    /// Why the whole batch is tried again, unless one is taken out, since then it is anyway.
    retry: Option<BoxError>,
}

impl<T> Each<T> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { values: Vec::with_capacity(capacity), seen: 0, faults: Vec::new(), retry: None }
    }

    pub(super) fn add(&mut self, argument: Result<T, Rejection>) {
        match argument {
            Ok(value) => self.values.push(value),
            Err(Rejection::Final(cause)) => self.faults.push((self.seen, cause)),
            Err(Rejection::Retry(cause)) => self.retry = self.retry.take().or(Some(cause)),
        }
        self.seen += 1;
    }

    pub(super) fn into_result(self) -> Result<Vec<T>, Attempt> {
        match (self.faults, self.retry) {
            (faults, _) if !faults.is_empty() => Err(Attempt::UndecodableAmong(faults)),
            (_, Some(cause)) => Err(Attempt::Failed(cause)),
            (_, None) => Ok(self.values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(arguments: [Result<u8, Rejection>; 3]) -> Result<Vec<u8>, Attempt> {
        let mut each = Each::with_capacity(3);
        arguments.into_iter().for_each(|argument| each.add(argument));
        each.into_result()
    }

    #[test]
    fn records_that_are_final_are_taken_out_before_others_are_tried_again() {
        assert_eq!(each([Ok(1), Ok(2), Ok(3)]).unwrap(), [1, 2, 3]);
        match each([Err(Rejection::retry("down")), Err("bad".into()), Err("worse".into())]) {
            Err(Attempt::UndecodableAmong(faults)) => {
                let faults: Vec<_> =
                    faults.iter().map(|(index, cause)| (*index, cause.to_string())).collect();
                assert_eq!(faults, [(1, "bad".to_owned()), (2, "worse".to_owned())]);
            }
            other => panic!("{other:?}"),
        }
        match each([Ok(1), Err(Rejection::retry("down")), Err(Rejection::retry("still down"))]) {
            Err(Attempt::Failed(cause)) => assert_eq!(cause.to_string(), "down"),
            other => panic!("{other:?}"),
        }
    }
}
