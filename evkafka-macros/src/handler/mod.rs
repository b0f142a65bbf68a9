//! `#[handler]`: a type beside the function, which knows the function's events and how to call it.

mod attr;
mod batch;
mod events;
mod expand;
mod function;
mod lifetimes;
mod place;
mod signature;

use proc_macro2::TokenStream;
use quote::quote;

use self::function::Function;
use crate::ctxt::Ctxt;

pub(crate) fn handler(args: TokenStream, item: TokenStream) -> TokenStream {
    let cx = Ctxt::new();
    let attr = attr::parse(&cx, args);
    let Some(function) = Function::parse(&cx, item.clone()) else {
        let faults = cx.check();
        return quote!(#faults #item);
    };
    let has_self = function.sig.receiver().is_some();
    let is_associated = has_self || place::is_associated(&function.sig.ident);
    if is_associated && !has_self {
        cx.error(
            &function.sig.ident,
            "a handler is a free function: move it out of the `impl` or `trait`; share data as a state of the app and take `State<T>`",
        );
    }
    let signature = signature::check(&cx, &function, &attr);
    batch::check(&cx, function.sig.ident.span(), attr.batch, function.sig.inputs.len());
    if !attr.names_batch {
        events::check(&cx, &attr.events, function.sig.inputs.len());
    }
    match cx.check() {
        None => {
            let handler = expand::handler(&attr, &function, &signature);
            quote!(#function #handler)
        }
        // Among the items of an `impl` there is no room for a type.
        Some(faults) if is_associated => quote!(#faults #function),
        Some(faults) => {
            let placeholder = expand::placeholder(&attr.krate, &function);
            quote!(#faults #function #placeholder)
        }
    }
}
