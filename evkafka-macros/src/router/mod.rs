//! `router!`: one type whose dispatch is a flat `match` on the handler's index.

mod attributes;
mod expand;
mod layers;
mod list;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Path, Token,
    parse::{ParseStream, Parser},
};

pub(crate) use self::{expand::router as expand, list::Handlers};
use crate::{
    ctxt::Ctxt,
    parse::{crate_path, default_crate},
};

pub(crate) fn router(input: TokenStream) -> TokenStream {
    let cx = Ctxt::new();
    let mut krate = default_crate();
    let mut handlers = Handlers::default();
    let parser = |input: ParseStream<'_>| {
        if let Some(path) = leading_crate(&cx, input) {
            krate = path;
        }
        handlers = Handlers::parse(&cx, input, None);
        Ok(())
    };
    if let Err(fault) = parser.parse2(input) {
        cx.push(fault);
    }
    let router = expand(&krate, &handlers);
    match cx.check() {
        None => router,
        Some(faults) => quote!({ #faults #router }),
    }
}

/// `crate = path;` before the list.
fn leading_crate(cx: &Ctxt, input: ParseStream<'_>) -> Option<Path> {
    if !(input.peek(Token![crate]) && input.peek2(Token![=])) {
        return None;
    }
    input.parse::<Token![crate]>().ok()?;
    input.parse::<Token![=]>().ok()?;
    let path = crate_path(cx, input);
    if input.parse::<Token![;]>().is_err() {
        cx.error_at(input.span(), "expected `;` between the path of the crate and the handlers");
        let _ = input.parse::<Option<Token![,]>>();
    }
    path
}
