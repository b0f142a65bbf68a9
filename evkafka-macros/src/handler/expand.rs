use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Path, Type, ext::IdentExt, spanned::Spanned};

use super::{attr::Attr, batch::Batch, events::Events, function::Function, signature::Signature};
use crate::parse::{checked, local, located, moved};

/// The type beside the function, and what makes it a handler.
pub(super) fn handler(attr: &Attr, function: &Function, signature: &Signature) -> TokenStream {
    let krate = &attr.krate;
    let [requirements, context, value, attempt] = &["requirements", "context", "value", "attempt"].map(local);
    let (argument, via) =
        if attr.batch.is_some() { ("batch_argument", "BatchViaOf") } else { ("argument", "ViaOf") };
    // Only here do an argument's tokens become a bound: both functions call it in the same words and with the same
    // spans, so that the compiler tells a fault in them once.
    let arguments: Vec<_> = (signature.arguments.iter())
        .map(|ty| {
            let krate = moved(krate, located(ty));
            let argument = format_ident!("{argument}", span = located(ty));
            let via = format_ident!("{via}", span = located(ty));
            quote_spanned! {located(ty)=>
                #krate::__private::#argument::<#ty, _, _, _>(
                    #krate::__private::#via::<#ty>::VIA,
                    #krate::__private::#via::<#ty>::VIA_ASYNC,
                )
            }
        })
        .collect();
    let inferred =
        (!arguments.is_empty()).then(|| quote!(use #krate::__private::{Inferred as _, InferredAsync as _};));
    let spec = {
        let name = &function.sig.ident.unraw().to_string();
        let path = quote!(::core::concat!(::core::module_path!(), "::", #name));
        let events = attr.events.constants(krate, &signature.arguments, &path);
        let summary = function.summary();
        let blocking = function.sig.asyncness.is_none().then(|| quote!(.blocking()));
        let batch = attr.batch.map(|Batch { max, within }| quote!(.batch(#max, #within)));
        let version = match attr.events {
            Events::OfArgument => Some(quote!(.version_of(__EVKAFKA_EVENT))),
            _ => attr.version.map(|version| quote!(.version(#version))),
        };
        let payloads = payloads(krate, signature, &arguments);
        let payloads = payloads.map(|payloads| quote!(#inferred #payloads));
        quote!({
            #events
            #payloads

            #krate::__private::HandlerSpec::new(
                #path,
                __EVKAFKA_EVENTS,
                #summary,
            )
            .hashed(__EVKAFKA_HASHES)
            #version
            #blocking
            #batch
        })
    };
    // A plain function leaves the thread on which the record is borrowed.
    let extract = if function.sig.asyncness.is_none() { "extract_owned" } else { "extract" };
    let extracts = signature.arguments.iter().zip(&arguments).map(|(ty, argument)| {
        let context = moved(context, located(ty));
        let extract = format_ident!("{extract}", span = located(ty));
        // What is not awaited is not kept across the other branch's `await`, and that branch is none at run time.
        quote_spanned! {located(ty)=>
            if #argument.awaits() { #argument.later(#context).await } else { #argument.#extract(#context) }
        }
    });
    let values: Vec<_> = (0..arguments.len()).map(|index| local(&format!("argument_{index}"))).collect();
    let call = call(krate, function, signature.output.as_ref(), context, &values);
    // A type without a name is none that sends events.
    let returned = signature.output.as_ref().filter(|ty| !matches!(ty, Type::Infer(_)));
    let returns = returned.map(|ty| {
        let (krate, requirements) = (moved(krate, located(ty)), moved(requirements, located(ty)));
        quote_spanned!(located(ty)=> #krate::__private::outcome::<#ty>().requires(#requirements);)
    });
    item(
        krate,
        function,
        &spec,
        &quote! {
            fn requires(#requirements: &mut #krate::__private::Requirements) {
                #inferred
                #(#arguments.requires(#requirements);)*
                #returns
            }
        },
        &quote! {
            #inferred
            #(
                let #values = match #extracts {
                    #krate::__private::Ok(#value) => #value,
                    #krate::__private::Err(#attempt) => return #attempt,
                };
            )*
            #call
        },
    )
}

/// Items that refuse a second payload, on its type.
fn payloads(krate: &Path, signature: &Signature, arguments: &[TokenStream]) -> Option<TokenStream> {
    let check = &quote!(__evkafka_check_payloads);
    let checks =
        signature.arguments.iter().enumerate().skip(1).map(|(index, ty)| {
            checked(check, quote!(__EVKAFKA_ARE_PAYLOADS, #index), (ty.span(), ty.span()))
        });
    (arguments.len() > 1).then(|| {
        quote! {
            use #krate::__private::payloads::check as #check;
            const __EVKAFKA_ARE_PAYLOADS: &[::core::primitive::bool] = &[#(#arguments.is_payload()),*];
            #(#checks)*
        }
    })
}

/// What stands in for the handler of a faulty function, so that whatever names it meets no second error.
pub(super) fn placeholder(krate: &Path, function: &Function) -> TokenStream {
    let name = function.sig.ident.unraw().to_string();
    // No handler that is accepted has such an event: two placeholders in one router do not collide with anything.
    let event = quote!(::core::concat!("\0", ::core::module_path!(), "::", #name));
    item(
        krate,
        function,
        &quote!(#krate::__private::HandlerSpec::new(#event, &[#event], "")),
        &quote!(fn requires(_: &mut #krate::__private::Requirements) {}),
        &quote!(::core::unreachable!()),
    )
}

fn item(
    krate: &Path,
    function: &Function,
    spec: &TokenStream,
    requires: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let Function { vis, sig, .. } = function;
    let (name, context) = (&sig.ident, local("context"));
    // Nothing is allowed for it, which a crate that forbids the lint would not compile with: they leave alone what is the macro's.
    let mut type_name = name.clone();
    type_name.set_span(located(name));
    let deprecated = function.is_deprecated().then(|| quote!(#[allow(deprecated)]));
    let type_attrs = function.type_attrs();
    let cfgs = function.cfgs();
    // Where the compiler says that the future is not `Send`.
    let call = {
        let (krate, context) = (moved(krate, located(name)), moved(&context, located(name)));
        quote_spanned! {located(name)=>
            async fn call<'r>(#context: &'r #krate::__private::Context<'r>) -> #krate::__private::Attempt { #body }
        }
    };
    quote! {
        #(#type_attrs)*
        #[doc(hidden)]
        #[non_exhaustive]
        #vis struct #type_name {}

        #(#cfgs)*
        #[automatically_derived]
        #deprecated
        impl #krate::__private::Generated for #name {}

        #(#cfgs)*
        #[automatically_derived]
        #deprecated
        impl #krate::__private::Handler for #name {
            const SPEC: #krate::__private::HandlerSpec = #spec;

            #requires

            #call
        }
    }
}

/// Calls the function with the extracted arguments and makes an `Attempt` of what it returns.
fn call(
    krate: &Path,
    function: &Function,
    output: Option<&Type>,
    context: &Ident,
    values: &[Ident],
) -> TokenStream {
    let name = &function.sig.ident;
    let called = quote!(#name(#(#values),*));
    let is_async = function.sig.asyncness.is_some();
    let called = if is_async { quote!(#called.await) } else { called };
    // What never returns is of any type.
    let attempt = output.map_or(called.clone(), |ty| {
        let (returned, how) = (&local("returned"), &local("how"));
        let outcome = {
            let krate = moved(krate, located(ty));
            quote_spanned!(located(ty)=> #krate::__private::outcome::<#ty>())
        };
        // The type has to be known where the method is looked up, which it would not be in a generic function.
        quote! {
            let #returned = #called;
            let #how = {
                use #krate::__private::{HowOpaque as _, HowOther as _};
                (&&#krate::__private::Returned::like(&#returned)).how()
            };
            #outcome.judge(#returned, #how)
        }
    });
    if is_async {
        attempt
    } else {
        quote!(#krate::__private::call_blocking(#context, move || { #attempt }).await)
    }
}
