use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Path};

use super::{
    consumer::{Consumer, Router},
    entries::{App, Entry},
    producer::Producer,
};
use crate::{
    parse::{local, located, moved},
    router,
};

/// The calls of the builder, in the order in which the entries were written.
///
/// The title is the builder's first argument. Where it is not a literal and does not stand first, the expressions
/// before it are evaluated before it all the same, and kept in variables.
pub(super) fn app(app: &App) -> TokenStream {
    let krate = &app.krate;
    let title = app.entries.iter().position(|entry| matches!(entry, Entry::Title(_)));
    let (title_value, title_span) = match title.map(|index| &app.entries[index]) {
        Some(Entry::Title(title)) => (title.to_token_stream(), located(title)),
        // There was an error.
        _ => (quote!(""), Span::call_site()),
    };
    let early = match title {
        Some(index) if !matches!(app.entries[index], Entry::Title(Expr::Lit(_))) => index,
        _ => 0,
    };
    let mut bindings = TokenStream::new();
    let mut calls = TokenStream::new();
    for (index, entry) in app.entries.iter().enumerate() {
        calls.extend(entry.call(krate, |which, expression| {
            if index >= early {
                return expression;
            }
            let variable = local(&format!("{which}_{index}"));
            bindings.extend(quote!(let #variable = #expression;));
            variable.into_token_stream()
        }));
    }
    let krate = moved(krate, title_span);
    let app = quote_spanned!(title_span=> #krate::__private::App::new(#title_value) #calls);
    if bindings.is_empty() { app } else { quote!({ #bindings #app }) }
}

impl Entry {
    /// The call; `keep` may put an expression into a variable.
    fn call(&self, krate: &Path, mut keep: impl FnMut(&str, TokenStream) -> TokenStream) -> TokenStream {
        match self {
            Entry::Title(_) => TokenStream::new(),
            Entry::Version(value) => {
                let version = keep("version", value.to_token_stream());
                quote_spanned!(located(value)=> .version(#version))
            }
            Entry::State(value) => {
                let state = keep("state", value.to_token_stream());
                quote_spanned!(located(value)=> .state(#state))
            }
            Entry::Layer(value) => {
                let layer = keep("layer", value.to_token_stream());
                quote_spanned!(located(value)=> .layer(#layer))
            }
            Entry::Traces(value) => {
                let traces = keep("traces", value.to_token_stream());
                quote_spanned!(located(value)=> .traces(#traces))
            }
            Entry::ShutdownTimeout(value) => {
                let timeout = keep("shutdown_timeout", value.to_token_stream());
                quote_spanned!(located(value)=> .shutdown_timeout(#timeout))
            }
            Entry::StallTimeout(value) => {
                let timeout = keep("stall_timeout", value.to_token_stream());
                quote_spanned!(located(value)=> .stall_timeout(#timeout))
            }
            Entry::Admin(value) => {
                let admin = keep("admin", value.to_token_stream());
                quote_spanned!(located(value)=> .admin(#admin))
            }
            Entry::Consumer(Consumer { name, config, router }) => {
                let config = keep("config", config.to_token_stream());
                let router = match router {
                    Router::List(handlers, calls) => {
                        let router = router::expand(krate, handlers);
                        quote!(#router #calls)
                    }
                    Router::Value(router) => keep("router", router.to_token_stream()),
                };
                quote_spanned!(located(name)=> .consumer(#name, #config, #router))
            }
            Entry::Producer(Producer { name, config, events }) => {
                let config = keep("config", config.to_token_stream());
                let events = match events.as_deref() {
                    Some([first, others @ ..]) => {
                        quote!(#krate::event::Events::of::<#first>()#(.and::<#others>())*)
                    }
                    // An empty list was reported.
                    Some([]) | None => quote!(#krate::event::Events::any()),
                };
                quote_spanned!(located(name)=> .producer(#name, #config, #events))
            }
        }
    }
}
