//! What the parsers of several macros share.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Expr, Path, Token,
    parse::{ParseBuffer, ParseStream, discouraged::Speculative},
    spanned::Spanned,
    token::{Brace, Bracket, Paren},
};

use crate::ctxt::Ctxt;

/// Where the expansions find evkafka unless `crate = …` says otherwise.
pub(crate) fn default_crate() -> Path {
    syn::parse_quote!(::evkafka)
}

/// Takes everything up to the next comma, to go on after a fault.
pub(crate) fn take_to_comma(input: ParseStream<'_>) -> TokenStream {
    take_to(input, |_| false)
}

/// Takes everything up to where this says, or to the next comma.
pub(crate) fn take_to(input: ParseStream<'_>, is_there: impl Fn(ParseStream<'_>) -> bool) -> TokenStream {
    let mut taken = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) && !is_there(input) {
        match input.parse::<TokenTree>() {
            Ok(token) => token.to_tokens(&mut taken),
            Err(_) => break,
        }
    }
    taken
}

/// A fault made up by everything up to the next comma; by the comma, or the end of the input, if that is nothing.
pub(crate) fn error_to_comma(cx: &Ctxt, input: ParseStream<'_>, message: impl std::fmt::Display) {
    let place = input.span();
    let taken = take_to_comma(input);
    if taken.is_empty() { cx.error_at(place, message) } else { cx.error(taken, message) }
}

/// Parses `=` before a value. If either is missing, that is a fault, and everything up to the next comma is taken.
pub(crate) fn equals(cx: &Ctxt, input: ParseStream<'_>, name: &Ident, help: &str) -> Option<()> {
    if input.peek(Token![=]) && !input.peek(Token![==]) && !input.peek(Token![=>]) {
        input.parse::<Token![=]>().ok()?;
        if !input.is_empty() && !input.peek(Token![,]) {
            return Some(());
        }
    }
    let message = format!("expected `=` and a value: {help}");
    let wrong = take_to_comma(input);
    if wrong.is_empty() {
        cx.error(name, message)
    } else {
        cx.error(wrong, message)
    }
    None
}

/// Parses the path of the crate, after `crate =` (or `crate:`).
pub(crate) fn crate_path(cx: &Ctxt, input: ParseStream<'_>) -> Option<Path> {
    match input.call(Path::parse_mod_style) {
        Ok(path) => Some(path),
        Err(_) => {
            error_to_comma(
                cx,
                input,
                "expected the path under which this crate knows evkafka, such as `::renamed`",
            );
            None
        }
    }
}

/// Parses an expression. On an error nothing is taken, and syn does not tell the error a second time.
pub(crate) fn expression(input: ParseStream<'_>) -> syn::Result<Expr> {
    let ahead = input.fork();
    let expression = ahead.parse()?;
    input.advance_to(&ahead);
    Ok(expression)
}

/// A name for a generated variable. Hygiene keeps it apart from the user's variables, but not from a constant or a
/// static of the same name: hence the underscores.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

/// The place of the user's tokens, for tokens that remain the macro's: lints leave them alone.
pub(crate) fn located(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}

/// The same tokens, said to stand at this place. A path that begins elsewhere would draw the compiler's arrow there.
pub(crate) fn moved(tokens: impl ToTokens, place: Span) -> TokenStream {
    let moved = |mut token: TokenTree| {
        token.set_span(token.span().located_at(place));
        token
    };
    tokens.into_token_stream().into_iter().map(moved).collect()
}

/// A constant that stops the compilation where `check` panics. What it consists of counts as written by the user, between these two places:
/// otherwise the compiler would add to the message that it is about a macro, and which.
pub(crate) fn checked(
    check: impl ToTokens,
    arguments: TokenStream,
    (first, last): (Span, Span),
) -> TokenStream {
    let check: TokenStream = check
        .into_token_stream()
        .into_iter()
        .map(|mut token| {
            token.set_span(first);
            token
        })
        .collect();
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(last);
    quote!(const _: () = #check #arguments;)
}

/// What stands in `(…)`.
pub(crate) fn parenthesized<'i>(input: ParseStream<'i>) -> syn::Result<(Paren, ParseBuffer<'i>)> {
    let content;
    let paren = syn::parenthesized!(content in input);
    Ok((paren, content))
}

/// What stands in `[…]`.
pub(crate) fn bracketed<'i>(input: ParseStream<'i>) -> syn::Result<(Bracket, ParseBuffer<'i>)> {
    let content;
    let bracket = syn::bracketed!(content in input);
    Ok((bracket, content))
}

/// What stands in `{…}`.
pub(crate) fn braced<'i>(input: ParseStream<'i>) -> syn::Result<(Brace, ParseBuffer<'i>)> {
    let content;
    let brace = syn::braced!(content in input);
    Ok((brace, content))
}
