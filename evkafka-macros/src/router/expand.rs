use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Path, ext::IdentExt, spanned::Spanned};

use super::{Handlers, attributes::is_attribute, layers::Layers, list::Listed};
use crate::parse::{checked, local, located};

/// An expression: the router with these handlers.
pub(crate) fn router(krate: &Path, handlers: &Handlers) -> TokenStream {
    let listed = handlers.listed();
    let len = listed.len();
    let indices: Vec<_> = (0..len).collect();
    let private = &quote!(#krate::__private);
    let [visit, index, requirements, context, f, other, layer] =
        ["visit", "index", "requirements", "context", "f", "other", "layer"].map(local);
    // Each on its handler's path, where the error about a second handler for an event belongs.
    let checks = listed.iter().zip(&indices).map(|(Listed { path, .. }, index)| {
        let last = path.segments.last().map_or_else(Span::call_site, Spanned::span);
        checked(quote!(__EVKAFKA_CONFLICTS.check), quote!(#index, __EVKAFKA_SPECS), (path.span(), last))
    });
    let Names { aliases, stand_ins, imports } = names(listed);
    // In the same words and with the same spans wherever they stand, so that the compiler tells a fault in them once.
    let handlers: Vec<_> =
        aliases.iter().map(|name| quote_spanned!(name.span()=> <#name as #private::Handler>)).collect();
    let layers = Layers::of(listed);
    let calls = listed.iter().enumerate().map(|(index, Listed { path, .. })| match layers.of_handler(index) {
        None => {
            let handler = &handlers[index];
            quote_spanned!(path.span()=> #handler::call(#context).await)
        }
        Some(field) => {
            let handler = &aliases[index];
            quote_spanned!(path.span()=> #private::call_layered::<#handler, _>(&*self.#field, #context).await)
        }
    });
    let (structure, copy) = (layers.structure(private), layers.copy(private));
    let [generics, arguments, value] = [layers.generics(private), layers.arguments(), layers.value(private)];
    let list = quote!({
        #imports

        #structure

        const __EVKAFKA_SPECS: &[#private::HandlerSpec; #len] = &[#(#handlers::SPEC),*];
        const __EVKAFKA_CONFLICTS: &#private::unique::Conflicts<#len> =
            &#private::unique::Conflicts::new::<{ #private::unique::slots(__EVKAFKA_SPECS) }>(__EVKAFKA_SPECS);
        #(#checks)*

        #[automatically_derived]
        impl #generics #private::Generated for __Routes #arguments {}

        #[automatically_derived]
        impl #generics #private::Routes for __Routes #arguments {
            type Merge<S: #private::Routes> = #private::Merge<Self, S>;

            fn merge<S: #private::Routes>(self, #other: S) -> Self::Merge<S> {
                #private::merge(self, #other)
            }

            type Layered<L: #private::Layer> = #private::Layered<L, Self>;

            fn layer<L: #private::Layer>(self, #layer: L) -> Self::Layered<L> {
                #private::layered(#layer, self)
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

            async fn call<'c>(
                &self,
                #index: ::core::primitive::usize,
                #context: &'c #private::Context<'c>,
            ) -> #private::Attempt {
                match #index {
                    #(#indices => #calls,)*
                    _ => #private::no_such_handler(#index),
                }
            }
        }

        #copy

        #[automatically_derived]
        impl #generics ::core::fmt::Debug for __Routes #arguments {
            fn fmt(&self, #f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #private::fmt_routes(self, #f)
            }
        }

        #private::router(__Routes #value)
    });
    quote!({ #stand_ins #list })
}

/// What the handlers of a list are called in its expansion.
#[derive(Default)]
struct Names {
    aliases: Vec<Ident>,
    /// Types that stand around the list, one for each handler.
    stand_ins: TokenStream,
    /// The handlers' types by their aliases.
    imports: TokenStream,
}

/// An import brings the function and the type beside it. Without `#[handler]` there is no such type, and the alias means the type of this
/// name around it: one that is not a handler, which is reported with the attribute to add. (A path would be "expected type, found function".)
///
/// A local variable, such as a router, cannot be imported. The macro of its name, which is never called, can: so that it too is reported as
/// what is not a handler, and not as a crate that is missing.
fn names(listed: &[Listed]) -> Names {
    let mut names = Names::default();
    for (index, Listed { path, .. }) in listed.iter().enumerate() {
        let place = located(path);
        let alias = format_ident!("__handler_{index}", span = place);
        let module = format_ident!("__stand_in_{index}", span = place);
        let mut name = path.segments.last().map_or_else(|| alias.clone(), |last| last.ident.clone());
        name.set_span(place);
        names.stand_ins.extend(quote_spanned!(place=>
            mod #module {
                pub struct #name {}
            }
            use #module::#name as #alias;
        ));
        let path = past_variables(path);
        if let Some(name) = path.get_ident().filter(|name| !is_attribute(&name.unraw().to_string())) {
            names.stand_ins.extend(quote_spanned!(place=> macro_rules! #name { () => {}; }));
        }
        names.imports.extend(quote_spanned!(place=> use #path as #alias;));
        names.aliases.push(alias);
    }
    names
}

/// The same path, which does not see a local variable of the function's name: an import of it would be refused.
fn past_variables(path: &Path) -> Path {
    let mut path = path.clone();
    for segment in path.segments.iter_mut().filter(|segment| segment.ident != "$crate") {
        segment.ident.set_span(Span::mixed_site().located_at(segment.ident.span()));
    }
    path
}
