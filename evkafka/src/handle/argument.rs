use serde::Deserialize;

use super::{BoxError, Context, Requirements};
use crate::decode::{self, DecodeError};

/// A handler's argument that is drawn from the [`Context`] of the call: an extractor.
///
/// Implement it for types of your own:
///
/// ```
/// use evkafka::handle::{Context, FromContext};
///
/// struct Tenant(String);
///
/// impl<'r> FromContext<'r> for Tenant {
///     type Rejection = &'static str;
///
///     fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
///         let tenant = context.record().headers().get("tenant").ok_or("the record names no tenant")?;
///         Ok(Tenant(String::from_utf8_lossy(tenant).into_owned()))
///     }
/// }
/// ```
///
/// A unit test calls it with the context of an [`OwnedContext`](super::OwnedContext).
///
/// A rejection is treated like a payload that does not decode: it would be the same the next time, so it is not
/// retried. An extractor must not implement [`Deserialize`] as well: every deserializable type already is an
/// argument, the payload.
pub trait FromContext<'r>: Sized {
    /// Why the argument could not be made.
    type Rejection: Into<BoxError>;

    /// Makes the argument.
    ///
    /// # Errors
    /// When the record does not carry what the argument needs.
    fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection>;

    /// What it needs from the app; a lack is refused when the app starts.
    fn requires(requirements: &mut Requirements) {
        let _ = requirements;
    }
}

/// What a handler's function may take: any `T: Deserialize`, which is the decoded payload, or an extractor
/// ([`FromContext`]).
///
/// `Via` tells the two apart and is always inferred. The trait is implemented for you.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler",
    label = "neither an event nor an extractor",
    note = "a payload derives `serde::Deserialize`",
    note = "`State<T>` takes a `T` that derives `Clone`, and is `Send + Sync + 'static`",
    note = "other arguments are `Metadata`, `Headers`, `Key`, `Raw`, `Text`, `EventType`, `CancellationToken`, and what implements `evkafka::handle::FromContext`"
)]
pub trait Argument<'r, Via>: Sized {
    #[doc(hidden)]
    const IS_PAYLOAD: bool;

    #[doc(hidden)]
    fn extract(context: &Context<'r>) -> Result<Self, BoxError>;

    #[doc(hidden)]
    fn requires(requirements: &mut Requirements);
}

/// Marks an [`Argument`] that is the decoded payload.
#[derive(Debug)]
pub enum ViaPayload {}

/// Marks an [`Argument`] that is an extractor.
#[derive(Debug)]
pub enum ViaContext {}

#[diagnostic::do_not_recommend]
impl<'r, T: Deserialize<'r>> Argument<'r, ViaPayload> for T {
    const IS_PAYLOAD: bool = true;

    #[inline]
    fn extract(context: &Context<'r>) -> Result<Self, BoxError> {
        decode::payload(context.payload, || context.absent()).map_err(DecodeError::into)
    }

    fn requires(_: &mut Requirements) {}
}

#[diagnostic::do_not_recommend]
impl<'r, T: FromContext<'r>> Argument<'r, ViaContext> for T {
    const IS_PAYLOAD: bool = false;

    fn extract(context: &Context<'r>) -> Result<Self, BoxError> {
        T::from_context(context).map_err(Into::into)
    }

    fn requires(requirements: &mut Requirements) {
        <T as FromContext<'r>>::requires(requirements);
    }
}
