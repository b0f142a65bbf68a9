//! The names of the events that a handler takes.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, LitStr, Path, Token, parse::ParseStream, token::Bracket};

use crate::{
    ctxt::Ctxt,
    parse::{bracketed, error_to_comma, located, moved, take_to_comma},
};

/// The events in the order in which they were written; none for a fallback.
#[derive(Default)]
pub(super) struct Events {
    names: Vec<Name>,
    /// The literals among them, to find one that is named twice.
    literals: HashSet<String>,
}

enum Name {
    Literal(LitStr),
    /// A constant of type `&str`.
    Constant(Path),
}

impl Events {
    /// Parses `"A"`, `NAME` or `["A", module::NAME]`.
    pub(super) fn parse(&mut self, cx: &Ctxt, input: ParseStream<'_>) -> Option<()> {
        if !input.peek(Bracket) {
            return self.parse_one(cx, input);
        }
        let (bracket, content) = bracketed(input).ok()?;
        if content.is_empty() {
            cx.error_at(
                bracket.span.join(),
                "the list is empty: name the events, or write `#[handler(fallback)]` to take what no other handler does",
            );
        }
        while !content.is_empty() {
            self.parse_one(cx, &content);
            if !content.is_empty() && !content.peek(Token![,]) {
                error_to_comma(cx, &content, "expected `,` before the next event");
            }
            let _ = content.parse::<Option<Token![,]>>();
        }
        Some(())
    }

    fn parse_one(&mut self, cx: &Ctxt, input: ParseStream<'_>) -> Option<()> {
        if !input.peek(LitStr) {
            let value = take_to_comma(input);
            match syn::parse2::<Expr>(value.clone()) {
                Ok(Expr::Path(constant)) if constant.attrs.is_empty() && constant.qself.is_none() => {
                    self.names.push(Name::Constant(constant.path));
                    return Some(());
                }
                _ => {
                    cx.error(
                        value,
                        "the name of an event is a string literal, such as `\"OrderCreated\"`, or the path of a constant of type `&str`",
                    );
                    return None;
                }
            }
        }
        let name: LitStr = input.parse().ok()?;
        match self.fault(&name.value()) {
            Some(message) => cx.error(&name, message),
            None => self.names.push(Name::Literal(name)),
        }
        Some(())
    }

    /// What is wrong with the name of an event, apart from its type.
    fn fault(&mut self, name: &str) -> Option<String> {
        if name.is_empty() {
            Some("an event has a name; records without one go to the handler with `fallback`".to_owned())
        } else if name.trim() != name {
            Some(format!("white space around the name would never match a record: write {:?}", name.trim()))
        } else if name.contains('\0') {
            Some("the name of an event cannot contain NUL".to_owned())
        } else if !self.literals.insert(name.to_owned()) {
            Some(format!("the event `{name}` is named twice here"))
        } else {
            None
        }
    }

    /// Constants for a block: the names, and the hashes of the names. Those of literals are computed here, where the compiler would take
    /// its time for them. A constant that a literal would be refused for is refused too.
    pub(super) fn constants(&self, krate: &Path) -> TokenStream {
        let names = &self.names;
        let unique = &quote!(#krate::__private::unique);
        let hashes = names.iter().enumerate().map(|(index, name)| match name {
            Name::Literal(name) => {
                let hash = hash(&name.value());
                quote!(#hash)
            }
            Name::Constant(_) => quote!(#unique::hash(__EVKAFKA_EVENTS[#index])),
        });
        let checks = names.iter().enumerate().filter_map(|(index, name)| match name {
            Name::Literal(_) => None,
            Name::Constant(path) => {
                let (unique, place) = (moved(unique, located(path)), located(path));
                let mut arguments = Group::new(Delimiter::Parenthesis, quote!(__EVKAFKA_EVENTS, #index));
                arguments.set_span(place);
                Some(quote_spanned!(place=> const _: () = #unique::check_name #arguments;))
            }
        });
        quote! {
            const __EVKAFKA_EVENTS: &[&::core::primitive::str] = &[#(#names),*];
            const __EVKAFKA_HASHES: &[::core::primitive::u64] = &[#(#hashes),*];
            #(#checks)*
        }
    }
}

impl ToTokens for Name {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(name) => name.to_tokens(tokens),
            Self::Constant(path) => path.to_tokens(tokens),
        }
    }
}

/// FNV-1a, as evkafka's `route::unique` computes it for constants.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
