use syn::{
    Expr, LitStr, Token, Type,
    parse::ParseStream,
    punctuated::Punctuated,
    token::{Brace, Bracket},
};

use super::{
    entries::{colon, comma, go_on},
    name::{Bare, unique_name},
};
use crate::{
    ctxt::Ctxt,
    parse::{braced, bracketed, error_to_comma, expression},
};

/// `name: config => [Event, …]`, or `name: config` for all that no other producer is for.
pub(super) struct Producer {
    pub(super) name: LitStr,
    pub(super) config: Expr,
    pub(super) events: Option<Vec<Type>>,
}

const EXAMPLE: &str = "`prices: config => [OrderPriced]`";

/// Parses `{ name: config => [Event], … }`.
pub(super) fn parse(cx: &Ctxt, input: ParseStream<'_>) -> Option<Vec<Producer>> {
    if !input.peek(Brace) {
        let example = EXAMPLE.trim_matches('`');
        error_to_comma(
            cx,
            input,
            format_args!("producers are listed in braces: `producers: {{ {example} }}`"),
        );
        return None;
    }
    let (_, content) = braced(input).ok()?;
    let mut producers = Vec::new();
    let mut names: Vec<String> = Vec::new();
    while !content.is_empty() {
        producers.extend(producer(cx, &content, &mut names));
        comma(cx, &content, "producer");
    }
    Some(producers)
}

fn producer(cx: &Ctxt, input: ParseStream<'_>, names: &mut Vec<String>) -> Option<Producer> {
    let name = unique_name(cx, input, names, "producer", EXAMPLE)?;
    colon(cx, input, &Bare(&name), "config => [OrderPriced]")?;
    let config = expression(input).map_err(|fault| go_on(cx, input, fault)).ok()?;
    let events = if input.peek(Token![=>]) { Some(events(cx, input)?) } else { None };
    Some(Producer { name, config, events })
}

/// `=> [Event, …]`.
fn events(cx: &Ctxt, input: ParseStream<'_>) -> Option<Vec<Type>> {
    input.parse::<Token![=>]>().ok()?;
    if !input.peek(Bracket) {
        error_to_comma(cx, input, format_args!("the events of a producer are listed in brackets: {EXAMPLE}"));
        return None;
    }
    let (bracket, content) = bracketed(input).ok()?;
    if content.is_empty() {
        cx.error_at(
            bracket.span.join(),
            "the list is empty: name the producer's events, or leave out `=> []` to have it send all events that no other producer lists",
        );
    }
    match Punctuated::<Type, Token![,]>::parse_terminated(&content) {
        Ok(events) => Some(events.into_iter().collect()),
        Err(fault) => {
            cx.push(fault);
            None
        }
    }
}
