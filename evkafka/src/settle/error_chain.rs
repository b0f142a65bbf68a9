use std::{
    error::Error,
    fmt,
    iter::{FusedIterator, successors},
    ops::Deref,
};

/// An error that a handler returned, with what caused it: what [`FailurePolicy::final_if`](super::FailurePolicy::final_if) is asked about.
///
/// What is looked for by its type is found wherever it is in the chain, so it does not matter whether it was wrapped on its way, by
/// an error of the application's or a `context` of `anyhow` or `eyre`. It dereferences to the error that was returned.
#[derive(Clone, Copy)]
pub struct ErrorChain<'e>(&'e (dyn Error + 'static));

impl<'e> ErrorChain<'e> {
    pub(crate) fn new(error: &'e (dyn Error + 'static)) -> Self {
        Self(error)
    }

    /// Whether the error, or one that caused it, is of type `T`.
    pub fn is<T: Error + 'static>(&self) -> bool {
        self.downcast_ref::<T>().is_some()
    }

    /// The error, or the nearest that caused it, that is of type `T`.
    pub fn downcast_ref<T: Error + 'static>(&self) -> Option<&'e T> {
        self.iter().find_map(|error| error.downcast_ref())
    }

    /// The error that was returned, then what caused it, then what caused that.
    pub fn iter(&self) -> impl FusedIterator<Item = &'e (dyn Error + 'static)> + use<'e> {
        successors(Some(self.0), |&error| error.source())
    }
}

impl Deref for ErrorChain<'_> {
    type Target = dyn Error + 'static;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

/// As the error that was returned.
impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}

impl fmt::Debug for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] fmt::Error);

    #[test]
    fn an_error_is_found_by_its_type_wherever_it_is_in_the_chain() {
        let outer = Outer(fmt::Error);
        let chain = ErrorChain::new(&outer);
        assert!(chain.is::<Outer>() && chain.is::<fmt::Error>());
        assert!(!chain.is::<std::io::Error>());
        assert_eq!(chain.downcast_ref::<fmt::Error>(), Some(&fmt::Error));
        assert_eq!((chain.to_string(), chain.iter().count()), ("outer".to_owned(), 2));
        assert!(chain.source().is_some_and(|error| error.is::<fmt::Error>()));
    }
}
