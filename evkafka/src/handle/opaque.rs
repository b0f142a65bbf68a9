//! Errors that hide their type when they are boxed.
//!
//! `anyhow::Error` and `eyre::Report` are no errors themselves, and the boxed error that they convert into is neither the one that they
//! were made of. But they give that one out, by `AsRef`; so it is they that are kept.

use std::{error::Error, fmt, marker::PhantomData};

use super::{Attempt, BoxError, IntoOutcome};

/// The return type of a handler, of which `how` is asked how it becomes an attempt.
///
/// The method that is found is the first of these that there is: that of [`HowOpaque`], which takes the reference as it is, then that
/// of [`HowOther`], for which it has to be dereferenced. Neither says anything about a type that is no outcome: that is told by
/// [`outcome`](crate::__private::outcome), once.
#[doc(hidden)]
#[derive(Debug)]
pub struct Returned<R>(PhantomData<fn() -> R>);

impl<R> Returned<R> {
    /// The type of this value.
    pub fn like(_: &R) -> Self {
        Self(PhantomData)
    }
}

/// How what a handler returned becomes an attempt, if not by [`IntoOutcome`].
#[doc(hidden)]
pub type How<R> = Option<fn(R) -> Attempt>;

/// For errors that give out another one.
#[doc(hidden)]
pub trait HowOpaque<R> {
    fn how(&self) -> How<R>;
}

impl<T, E> HowOpaque<Result<T, E>> for &Returned<Result<T, E>>
where
    T: IntoOutcome,
    E: AsRef<dyn Error + Send + Sync> + Send + Sync + 'static,
{
    #[inline]
    fn how(&self) -> How<Result<T, E>> {
        Some(|returned| match returned {
            Ok(outcome) => outcome.into_attempt(),
            Err(error) => Attempt::Failed(Box::new(Opaque(Box::new(error)))),
        })
    }
}

/// For everything else.
#[doc(hidden)]
pub trait HowOther<R> {
    fn how(&self) -> How<R>;
}

impl<R> HowOther<R> for Returned<R> {
    #[inline]
    fn how(&self) -> How<R> {
        None
    }
}

/// An error that stands for the one that it gives out.
struct Opaque(Box<dyn AsRef<dyn Error + Send + Sync> + Send + Sync>);

impl Opaque {
    fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        (*self.0).as_ref()
    }
}

/// The error that a handler has returned, or made the one of that it returned.
pub(crate) fn unveiled(error: &BoxError) -> &(dyn Error + Send + Sync + 'static) {
    match error.downcast_ref::<Opaque>() {
        Some(opaque) => opaque.error(),
        None => &**error,
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.error(), f)
    }
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error(), f)
    }
}

impl Error for Opaque {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::Outcome;

    /// Whether there is a way of its own for what is returned.
    macro_rules! is_opaque {
        ($returned:expr) => {
            (&&Returned::like(&$returned)).how().is_some()
        };
    }

    #[test]
    fn only_errors_that_give_out_another_take_the_way_of_their_own() {
        assert!(!is_opaque!(()));
        assert!(!is_opaque!(Outcome::Done));
        assert!(!is_opaque!(Err::<(), _>("text")));
        assert!(!is_opaque!(Err::<Outcome, _>(String::new())));
        assert!(!is_opaque!(Err::<(), _>(fmt::Error)));
        assert!(is_opaque!(Err::<(), BoxError>("boxed".into())));
        assert!(is_opaque!(Err::<Outcome, BoxError>("boxed".into())));
    }

    #[test]
    fn an_error_that_gives_out_another_reads_as_that_one_and_is_seen_as_that_one() {
        let how = (&&Returned::like(&Ok::<(), BoxError>(()))).how().expect("a way of its own");
        let Attempt::Failed(failed) = how(Err(Box::new(fmt::Error))) else { panic!("it has failed") };
        assert_eq!(failed.to_string(), fmt::Error.to_string());
        assert!(unveiled(&failed).is::<fmt::Error>());
        assert!(matches!(how(Ok(())), Attempt::Returned(Outcome::Done)));
    }
}
