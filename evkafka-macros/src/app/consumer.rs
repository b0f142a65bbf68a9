use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{
    Expr, ExprAssign, LitStr, Token,
    ext::IdentExt,
    parse::ParseStream,
    spanned::Spanned,
    token::{Brace, Bracket},
};

use super::entries::{colon, comma, go_on};
use crate::{
    ctxt::Ctxt,
    parse::{braced, bracketed, error_to_comma, expression, take_to, take_to_comma},
    router::Handlers,
};

/// `name: config => [handlers]`, or `name: config => router`.
pub(super) struct Consumer {
    pub(super) name: LitStr,
    pub(super) config: Expr,
    pub(super) router: Router,
}

pub(super) enum Router {
    /// What follows the list: `.layer(…)`, `.failure_policy(…)`.
    List(Handlers, TokenStream),
    Value(Expr),
}

const EXAMPLE: &str = "`orders: config => [on_order_created]`";

/// Parses `{ name: config => router, … }`.
pub(super) fn parse(cx: &Ctxt, input: ParseStream<'_>) -> Option<Vec<Consumer>> {
    if !input.peek(Brace) {
        error_to_comma(
            cx,
            input,
            format_args!("the consumers stand in braces: `consumers: {{ {} }}`", EXAMPLE.trim_matches('`')),
        );
        return None;
    }
    let (brace, content) = braced(input).ok()?;
    if content.is_empty() {
        cx.error_at(
            brace.span.join(),
            format_args!("an app without consumers has nothing to do: write {EXAMPLE}"),
        );
    }
    let mut consumers = Vec::new();
    let mut names: Vec<String> = Vec::new();
    while !content.is_empty() {
        consumers.extend(consumer(cx, &content, &mut names));
        comma(cx, &content, "consumer");
    }
    Some(consumers)
}

fn consumer(cx: &Ctxt, input: ParseStream<'_>, names: &mut Vec<String>) -> Option<Consumer> {
    let Some(mut name) = name(input) else {
        error_to_comma(
            cx,
            input,
            format_args!("expected the name of a consumer, an identifier or a string literal: {EXAMPLE}"),
        );
        return None;
    };
    if input.peek(Token![-]) {
        name = dashed(&name, &take_to(input, |input| input.peek(Token![:])));
        cx.error(
            &name,
            format_args!("a name that is no identifier is a string literal: `{}: …`", name.to_token_stream()),
        );
    }
    if names.contains(&name.value()) {
        cx.error(&name, format_args!("there is a consumer `{}` already", name.value()));
    } else if name.value().is_empty() {
        cx.error(&name, "a consumer needs a name: its log lines carry it");
    }
    names.push(name.value());
    colon(cx, input, &Bare(&name), "config => [on_order_created]")?;
    let config = config(cx, input)?;
    let router = router(cx, input)?;
    Some(Consumer { name, config, router })
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

pub(super) fn name(input: ParseStream<'_>) -> Option<LitStr> {
    if input.peek(LitStr) {
        return input.parse().ok();
    }
    let name = input.call(Ident::parse_any).ok()?;
    Some(LitStr::new(&name.unraw().to_string(), name.span()))
}

/// The expression before `=>`, and the `=>`.
fn config(cx: &Ctxt, input: ParseStream<'_>) -> Option<Expr> {
    let place = input.span();
    match expression(input) {
        Ok(Expr::Array(handlers)) if input.peek(Token![=>]) => {
            cx.error(handlers, format_args!("the configuration comes first, then the handlers: {EXAMPLE}"));
            take_to_comma(input);
            None
        }
        Ok(Expr::Assign(ExprAssign { eq_token, .. })) => {
            cx.error(eq_token, format_args!("the handlers follow `=>`, not `=`: {EXAMPLE}"));
            take_to_comma(input);
            None
        }
        Ok(config) if input.peek(Token![=>]) => input.parse::<Token![=>]>().ok().map(|_| config),
        Ok(config) => {
            missing_arrow(cx, config.span(), Some(&config));
            take_to_comma(input);
            None
        }
        Err(fault) => {
            if has_arrow(&input.fork()) {
                go_on(cx, input, fault);
            } else {
                missing_arrow(cx, place, None);
                take_to_comma(input);
            }
            None
        }
    }
}

fn missing_arrow(cx: &Ctxt, place: Span, config: Option<&Expr>) {
    let message =
        format!("a consumer has a configuration and its handlers, with `=>` between them: {EXAMPLE}");
    match config {
        Some(config) => cx.error(config, message),
        None => cx.error_at(place, message),
    }
}

/// Whether there is a `=>` before the next comma.
fn has_arrow(input: ParseStream<'_>) -> bool {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.peek(Token![=>]) {
            return true;
        }
        if input.parse::<proc_macro2::TokenTree>().is_err() {
            break;
        }
    }
    false
}

fn router(cx: &Ctxt, input: ParseStream<'_>) -> Option<Router> {
    if input.peek(Bracket) {
        let (bracket, content) = bracketed(input).ok()?;
        let handlers = Handlers::parse(cx, &content, Some(bracket.span.join()));
        let calls = if input.peek(Token![.]) { take_to_comma(input) } else { TokenStream::new() };
        return Some(Router::List(handlers, calls));
    }
    if input.is_empty() || input.peek(Token![,]) {
        cx.error_at(input.span(), format_args!("expected the handlers after `=>`: {EXAMPLE}"));
        return None;
    }
    expression(input).map_err(|fault| go_on(cx, input, fault)).ok().map(Router::Value)
}
