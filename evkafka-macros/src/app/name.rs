//! The names of consumers and producers.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{LitStr, Token, ext::IdentExt, parse::ParseStream};

use crate::{
    ctxt::Ctxt,
    parse::{error_to_comma, take_to},
};

/// The name of a consumer or a producer (`what`) that none of those in front of it has.
pub(super) fn unique_name(
    cx: &Ctxt,
    input: ParseStream<'_>,
    names: &mut Vec<String>,
    what: &str,
    example: &str,
) -> Option<LitStr> {
    let Some(mut name) = name(input) else {
        error_to_comma(
            cx,
            input,
            format_args!("expected the name of a {what}, an identifier or a string literal: {example}"),
        );
        return None;
    };
    if input.peek(Token![-]) {
        name = dashed(&name, &take_to(input, |input| input.peek(Token![:])));
        cx.error(
            &name,
            format_args!(
                "a name that is not an identifier is written as a string literal: `{}: …`",
                name.to_token_stream()
            ),
        );
    }
    if names.contains(&name.value()) {
        cx.error(&name, format_args!("there is a {what} `{}` already", name.value()));
    } else if name.value().is_empty() {
        cx.error(&name, format_args!("a {what} needs a name: its log lines carry it"));
    }
    names.push(name.value());
    Some(name)
}

/// A name such as `orders-eu`, of which the rest was read as other tokens.
fn dashed(first: &LitStr, rest: &TokenStream) -> LitStr {
    let text = format!("{}{}", first.value(), rest.to_string().replace(' ', ""));
    let end = rest.clone().into_iter().last().map_or(first.span(), |token| token.span());
    LitStr::new(&text, first.span().join(end).unwrap_or(first.span()))
}

/// A name as it was written, an identifier without the quotes that its literal would have.
pub(super) struct Bare<'n>(pub(super) &'n LitStr);

impl ToTokens for Bare<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match syn::parse_str::<Ident>(&self.0.value()) {
            Ok(mut name) => {
                name.set_span(self.0.span());
                name.to_tokens(tokens);
            }
            Err(_) => self.0.to_tokens(tokens),
        }
    }
}

fn name(input: ParseStream<'_>) -> Option<LitStr> {
    if input.peek(LitStr) {
        return input.parse().ok();
    }
    let name = input.call(Ident::parse_any).ok()?;
    Some(LitStr::new(&name.unraw().to_string(), name.span()))
}
