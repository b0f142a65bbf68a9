use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{DeriveInput, ext::IdentExt, visit_mut::VisitMut};

use super::{attr::Attr, text::Text};
use crate::parse::{local, located, moved};

/// The traits of an event. Of a faulty one there is only what other code may ask for.
pub(super) fn event(attr: &Attr, input: &DeriveInput, is_faulty: bool) -> TokenStream {
    let krate = &attr.krate;
    let mut input = input.clone();
    // Lints and deprecations are for what the user writes.
    input.ident.set_span(located(&input.ident));
    let mut generics = input.generics.clone();
    Unlinted.visit_generics_mut(&mut generics);
    let (parameters, arguments, conditions) = generics.split_for_impl();
    let ty = {
        let name = &input.ident;
        quote!(#name #arguments)
    };
    let constants = constants(attr, &input.ident);
    let key = if is_faulty { None } else { key(attr) };
    let events = {
        let mut generics = generics.clone();
        let bound = quote!(for<'__event> &'__event Self: #krate::__private::Serialize);
        generics.make_where_clause().predicates.push(syn::parse_quote!(#bound));
        let (_, _, conditions) = generics.split_for_impl();
        returned(krate, &quote!(#parameters), &ty, &quote!(#conditions))
    };
    // Where it is, and not where the event is first used, by which time a check has passed it.
    let judged = match &attr.name {
        Some(Text::Constant(path)) => {
            let krate = moved(krate, located(path));
            Some(quote_spanned! {located(path)=>
                const _: &::core::primitive::str = #krate::__private::event_name(#path);
            })
        }
        None | Some(Text::Literal(_)) => None,
    };
    quote! {
        #judged

        #[automatically_derived]
        impl #parameters #krate::__private::Event for #ty #conditions {
            #constants
            #key
        }

        #events
    }
}

/// The constants of `Event`.
fn constants(attr: &Attr, ident: &Ident) -> TokenStream {
    let name = match &attr.name {
        None => ident.unraw().to_string().into_token_stream(),
        Some(Text::Literal(name)) => name.to_token_stream(),
        Some(Text::Constant(path)) => path.to_token_stream(),
    };
    let version = attr.version.as_ref().map(|version| {
        quote! {
            const VERSION: ::core::option::Option<::core::primitive::u32> = ::core::option::Option::Some(#version);
        }
    });
    let topic = attr.topic.as_ref().map(|topic| {
        quote! {
            const TOPIC: ::core::option::Option<&'static ::core::primitive::str> = ::core::option::Option::Some(#topic);
        }
    });
    quote! {
        const NAME: &'static ::core::primitive::str = #name;
        #version
        #topic
    }
}

/// `Event::key`, unless it is the default.
fn key(attr: &Attr) -> Option<TokenStream> {
    let (krate, path, key) = (&attr.krate, attr.key.as_ref()?, local("key"));
    let reference = path.reference();
    // The bound of this function is what the compiler tells where the key is named.
    let set = {
        let (krate, key) = (moved(krate, path.place()), moved(&key, path.place()));
        quote_spanned!(path.place()=> #krate::__private::EventKey::set(#key, #reference))
    };
    Some(quote! {
        fn key(&self, #key: &mut #krate::__private::EventKey<'_>) {
            #set;
        }
    })
}

/// What lets a handler return the event, if it can be serialized: the bound is met or missed only where it is used.
fn returned(
    krate: &syn::Path,
    parameters: &TokenStream,
    ty: &TokenStream,
    conditions: &TokenStream,
) -> TokenStream {
    let (outbox, visit, requirements) = (local("outbox"), local("visit"), local("requirements"));
    quote! {
        #[automatically_derived]
        impl #parameters #krate::__private::IntoEvents for #ty #conditions {
            fn encode(
                self,
                #outbox: &mut #krate::__private::Outbox,
            ) -> ::core::result::Result<(), #krate::__private::EncodeError> {
                #krate::__private::Outbox::add(#outbox, &self)
            }

            fn specs(#visit: &mut dyn ::core::ops::FnMut(&'static #krate::__private::EventSpec)) {
                #visit(#krate::__private::EventSpec::of::<Self>());
            }
        }

        #[automatically_derived]
        impl #parameters #krate::__private::Generated for #ty #conditions {}

        #[automatically_derived]
        impl #parameters #krate::__private::IntoOutcome for #ty #conditions {
            fn into_attempt(self) -> #krate::__private::Attempt {
                #krate::__private::attempt_of(self)
            }

            fn requires(#requirements: &mut #krate::__private::Requirements) {
                #krate::__private::requires_events::<Self>(#requirements);
            }
        }
    }
}

/// Gives the lifetimes of a struct the macro's spans.
struct Unlinted;

impl VisitMut for Unlinted {
    fn visit_lifetime_mut(&mut self, lifetime: &mut syn::Lifetime) {
        lifetime.set_span(located(lifetime));
    }
}
