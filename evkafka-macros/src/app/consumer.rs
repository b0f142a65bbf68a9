use proc_macro2::{Span, TokenStream};
use syn::{
    Expr, ExprAssign, LitStr, Token,
    parse::ParseStream,
    spanned::Spanned,
    token::{Brace, Bracket},
};

use super::{
    entries::{colon, comma, go_on},
    name::{Bare, unique_name},
};
use crate::{
    ctxt::Ctxt,
    parse::{braced, bracketed, error_to_comma, expression, take_to_comma},
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
            format_args!("consumers are listed in braces: `consumers: {{ {} }}`", EXAMPLE.trim_matches('`')),
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
    let name = unique_name(cx, input, names, "consumer", EXAMPLE)?;
    colon(cx, input, &Bare(&name), "config => [on_order_created]")?;
    let config = config(cx, input)?;
    let router = router(cx, input)?;
    Some(Consumer { name, config, router })
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
