use std::{cell::RefCell, thread};

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// Collects faults, so that a user sees all of them at once.
///
/// It has to be asked for them with [`Ctxt::check`]: dropped without, it panics, because a fault would be lost.
pub(crate) struct Ctxt {
    faults: RefCell<Option<Vec<syn::Error>>>,
}

impl Ctxt {
    pub(crate) fn new() -> Self {
        Self { faults: RefCell::new(Some(Vec::new())) }
    }

    /// A fault that all of `tokens` make up.
    pub(crate) fn error(&self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// A fault at a place for which there is no token, such as the end of the input.
    pub(crate) fn error_at(&self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    /// A fault that syn found.
    pub(crate) fn push(&self, fault: syn::Error) {
        self.faults.borrow_mut().as_mut().expect("faults are collected before the check").push(fault);
    }

    /// What the compiler is told: one `compile_error!` for each fault, nothing if there is none.
    pub(crate) fn check(self) -> Option<TokenStream> {
        let faults = self.faults.take().expect("a context is checked once");
        (!faults.is_empty()).then(|| faults.iter().map(syn::Error::to_compile_error).collect())
    }
}

impl Drop for Ctxt {
    fn drop(&mut self) {
        if !thread::panicking() && self.faults.get_mut().is_some() {
            panic!("a `Ctxt` was dropped without a check");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_every_fault() {
        let cx = Ctxt::new();
        cx.error_at(Span::call_site(), "one");
        cx.error_at(Span::call_site(), "two");
        let told = cx.check().unwrap().to_string();
        assert!(told.contains("\"one\"") && told.contains("\"two\""), "{told}");
    }

    #[test]
    fn tells_nothing_without_faults() {
        assert!(Ctxt::new().check().is_none());
    }

    #[test]
    #[should_panic(expected = "without a check")]
    fn panics_when_it_is_not_checked() {
        drop(Ctxt::new());
    }
}
