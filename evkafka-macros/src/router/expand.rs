use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use super::Handlers;
use crate::parse::{local, located};

/// An expression: the router with these handlers.
pub(crate) fn router(krate: &Path, handlers: &Handlers) -> TokenStream {
    let paths = handlers.paths();
    let len = paths.len();
    let indices: Vec<_> = (0..len).collect();
    let private = &quote!(#krate::__private);
    let [visit, index, requirements, context, f, other] =
        ["visit", "index", "requirements", "context", "f", "other"].map(local);
    // Each on its handler's path, where the error about a second handler for an event belongs.
    let checks = paths.iter().zip(&indices).map(|(path, index)| {
        let mut arguments = Group::new(Delimiter::Parenthesis, quote!(#index, __EVKAFKA_SPECS));
        arguments.set_span(path.segments.last().map_or_else(Span::call_site, located));
        quote_spanned!(located(path)=> const _: () = __EVKAFKA_CONFLICTS.check #arguments;)
    });
    // In the same words and with the same spans wherever they stand, so that the compiler tells a fault in them once.
    let handlers: Vec<_> =
        paths.iter().map(|path| quote_spanned!(path.span()=> <#path as #private::Handler>)).collect();
    let calls = paths
        .iter()
        .zip(&handlers)
        .map(|(path, handler)| quote_spanned!(path.span()=> #handler::call(#context).await));
    quote!({
        struct __Routes {}

        const __EVKAFKA_SPECS: &[#private::HandlerSpec; #len] = &[#(#handlers::SPEC),*];
        const __EVKAFKA_CONFLICTS: &#private::unique::Conflicts<#len> =
            &#private::unique::Conflicts::new::<{ #private::unique::slots(__EVKAFKA_SPECS) }>(__EVKAFKA_SPECS);
        #(#checks)*

        #[automatically_derived]
        impl #private::Routes for __Routes {
            type Merge<S: #private::Routes> = #private::Merge<Self, S>;

            fn merge<S: #private::Routes>(self, #other: S) -> Self::Merge<S> {
                #private::merge(self, #other)
            }

            fn count(&self) -> ::core::primitive::usize {
                #len
            }

            fn specs(&self, #visit: &mut dyn ::core::ops::FnMut(#private::HandlerSpec)) {
                #private::visit_specs(__EVKAFKA_SPECS, #visit);
            }

            fn requires(&self, #index: ::core::primitive::usize, #requirements: &mut #private::Requirements) {
                match #index {
                    #(#indices => #handlers::requires(#requirements),)*
                    _ => #private::no_such_handler(#index),
                }
            }

            async fn call<'r>(
                &'r self,
                #index: ::core::primitive::usize,
                #context: &'r #private::Context<'r>,
            ) -> #private::Attempt {
                match #index {
                    #(#indices => #calls,)*
                    _ => #private::no_such_handler(#index),
                }
            }
        }

        #[automatically_derived]
        impl #private::Clone for __Routes {
            fn clone(&self) -> Self {
                *self
            }
        }

        #[automatically_derived]
        impl #private::Copy for __Routes {}

        #[automatically_derived]
        impl ::core::fmt::Debug for __Routes {
            fn fmt(&self, #f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #private::fmt_routes(self, #f)
            }
        }

        #private::router(__Routes {})
    })
}
