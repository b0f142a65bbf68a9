use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Expr, Path};

use super::{
    consumer::{Consumer, Router},
    entries::{App, Entry},
};
use crate::router;

/// The calls of the builder, in the order in which the entries were written.
///
/// The title is the builder's first argument. Where it is not a literal and does not stand first, the expressions
/// before it are evaluated before it all the same, and kept in variables.
pub(super) fn app(app: &App) -> TokenStream {
    let krate = &app.krate;
    let title = app.entries.iter().position(|entry| matches!(entry, Entry::Title(_)));
    let title_value = match title.map(|index| &app.entries[index]) {
        Some(Entry::Title(title)) => title.to_token_stream(),
        // There was an error.
        _ => quote!(""),
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
            let variable = format_ident!("{which}_{index}", span = Span::mixed_site());
            bindings.extend(quote!(let #variable = #expression;));
            variable.into_token_stream()
        }));
    }
    let app = quote!(#krate::__private::App::new(#title_value) #calls);
    if bindings.is_empty() { app } else { quote!({ #bindings #app }) }
}

impl Entry {
    /// The call; `keep` may put an expression into a variable.
    fn call(&self, krate: &Path, mut keep: impl FnMut(&str, TokenStream) -> TokenStream) -> TokenStream {
        match self {
            Entry::Title(_) => TokenStream::new(),
            Entry::Version(version) => {
                let version = keep("version", version.to_token_stream());
                quote!(.version(#version))
            }
            Entry::State(state) => {
                let state = keep("state", state.to_token_stream());
                quote!(.state(#state))
            }
            Entry::Consumer(Consumer { name, config, router }) => {
                let config = keep("config", config.to_token_stream());
                let router = match router {
                    Router::List(handlers) => router::expand(krate, handlers),
                    Router::Value(router) => keep("router", router.to_token_stream()),
                };
                quote!(.consumer(#name, #config, #router))
            }
        }
    }
}
