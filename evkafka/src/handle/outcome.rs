use std::time::Duration;

use super::{Attempt, BoxError, Requirements};
use crate::{
    __private::Generated,
    event::{IntoEvents, Outbox},
};

/// What a handler can say about a record beyond "done" and "failed".
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The record was handled.
    Done,
    /// The record does not concern this service: go on as if nothing had matched it.
    Skip,
    /// Not now: handle it again after this time. It counts as an attempt, and the time is not cut by the backoff.
    RetryAfter(Duration),
    /// Never: no retry will help. The failure policy's last step is taken at once.
    Reject(BoxError),
    /// Give the record back: the handler was told to finish (its [`CancellationToken`](crate::CancellationToken) was cancelled) and
    /// has not handled it.
    ///
    /// The record stays uncommitted, and whoever owns its partition next handles it again. That is so for anything but success
    /// that a handler ends in after it was cancelled, so an error will do as well; this one says what is meant.
    ///
    /// From a handler that was not cancelled by evkafka (it may know sooner that its process ends), the record is handled again after
    /// the failure policy's backoff. It does not count as an attempt, and never leads to the last step. Pre-commit, where the
    /// offset is committed already, a record cannot be given back: it is logged as an error and counted as given up.
    ///
    /// ```
    /// use evkafka::{CancellationToken, Outcome, handler};
    ///
    /// # async fn import() {}
    /// #[handler(event = "ImportRequested")]
    /// async fn on_import_requested(token: CancellationToken) -> Outcome {
    ///     tokio::select! {
    ///         () = import() => Outcome::Done,
    ///         () = token.cancelled() => Outcome::Release,
    ///     }
    /// }
    /// ```
    Release,
}

/// What a handler's function may return:
///
/// - `()` or an [`Outcome`];
/// - an event ([`#[derive(Event)]`](crate::Event)), or an `Option`, `Vec`, array, `Box` or tuple of events: they are sent after the
///   function has succeeded, and the record is handled once all of them are acknowledged;
/// - a `Result` of one of these with any error that converts into a boxed one (`std` errors, `anyhow::Error`, `eyre::Report`,
///   `String`, `&str`). An error sends nothing.
///
/// [`FailurePolicy::final_if`](crate::FailurePolicy::final_if) sees the error that was returned; of an `anyhow::Error` or an
/// `eyre::Report`, the one that it was made of.
///
/// The trait is implemented by the derive, and cannot be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "not an outcome",
    note = "return `()`, `Outcome`, an event (`#[derive(serde::Serialize, evkafka::Event)]`), an `Option`, `Vec` or tuple of events, or a `Result` of these whose error converts into `Box<dyn Error + Send + Sync>`"
)]
pub trait IntoOutcome: Generated {
    #[doc(hidden)]
    fn into_attempt(self) -> Attempt;

    /// What returning it needs from the app.
    #[doc(hidden)]
    fn requires(requirements: &mut Requirements) {
        let _ = requirements;
    }
}

/// What `#[derive(Event)]` and the shapes of events make of themselves.
#[doc(hidden)]
pub fn attempt_of<E: IntoEvents>(events: E) -> Attempt {
    let mut outbox = Outbox::default();
    match events.encode(&mut outbox) {
        Ok(()) => outbox.into_outgoing().map_or(Attempt::Returned(Outcome::Done), Attempt::Sends),
        Err(error) => Attempt::Failed(error.into()),
    }
}

/// What an attempt that sends these events needs: a producer for each.
#[doc(hidden)]
pub fn requires_events<E: IntoEvents>(requirements: &mut Requirements) {
    E::specs(&mut |spec| requirements.event(spec));
}

macro_rules! shapes_of_events {
    ($([$($generics:tt)*] $shape:ty;)+) => {$(
        impl<$($generics)*> Generated for $shape {}

        impl<$($generics)*> IntoOutcome for $shape {
            fn into_attempt(self) -> Attempt {
                attempt_of(self)
            }

            fn requires(requirements: &mut Requirements) {
                requires_events::<Self>(requirements);
            }
        }
    )+};
}

shapes_of_events! {
    [T: IntoEvents] Option<T>;
    [T: IntoEvents] Vec<T>;
    [T: IntoEvents] Box<T>;
    [T: IntoEvents, const N: usize] [T; N];
    [A: IntoEvents] (A,);
    [A: IntoEvents, B: IntoEvents] (A, B);
    [A: IntoEvents, B: IntoEvents, C: IntoEvents] (A, B, C);
    [A: IntoEvents, B: IntoEvents, C: IntoEvents, D: IntoEvents] (A, B, C, D);
    [A: IntoEvents, B: IntoEvents, C: IntoEvents, D: IntoEvents, E: IntoEvents] (A, B, C, D, E);
    [A: IntoEvents, B: IntoEvents, C: IntoEvents, D: IntoEvents, E: IntoEvents, F: IntoEvents] (A, B, C, D, E, F);
}

impl Generated for () {}

impl IntoOutcome for () {
    fn into_attempt(self) -> Attempt {
        Attempt::Returned(Outcome::Done)
    }
}

impl Generated for Outcome {}

impl IntoOutcome for Outcome {
    fn into_attempt(self) -> Attempt {
        Attempt::Returned(self)
    }
}

impl<T: IntoOutcome, E: HandlerError> Generated for Result<T, E> {}

impl<T: IntoOutcome, E: HandlerError> IntoOutcome for Result<T, E> {
    fn into_attempt(self) -> Attempt {
        match self {
            Ok(outcome) => outcome.into_attempt(),
            Err(error) => Attempt::Failed(error.into_boxed()),
        }
    }

    fn requires(requirements: &mut Requirements) {
        T::requires(requirements);
    }
}

/// The error that a handler may return: whatever converts into `Box<dyn Error + Send + Sync>`.
///
/// The trait is implemented for you, and cannot be implemented otherwise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a handler",
    label = "no conversion into `Box<dyn Error + Send + Sync>`",
    note = "an error of your own implements `std::error::Error`, for which it needs `Debug` and `Display`, and is `Send + Sync + 'static`",
    note = "a boxed error is `Box<dyn Error + Send + Sync>`; `Box<dyn Error>` alone cannot go to another thread",
    note = "`String`, `&'static str`, `anyhow::Error` and `eyre::Report` will do too"
)]
pub trait HandlerError: sealed::Sealed + Sized {
    #[doc(hidden)]
    fn into_boxed(self) -> BoxError;
}

mod sealed {
    pub trait Sealed {}
}

impl<E: Into<BoxError>> sealed::Sealed for E {}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> HandlerError for E {
    #[inline]
    fn into_boxed(self) -> BoxError {
        self.into()
    }
}
