//! `batch(max = 500, within = "50ms")`: a handler that takes many events at a time.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{Lit, LitInt, LitStr, Token, ext::IdentExt, parse::ParseStream};

use crate::{
    ctxt::Ctxt,
    keys::{Key, Keys},
    parse::{error_to_comma, parenthesized, take_to_comma},
};

/// How events are collected.
#[derive(Clone, Copy)]
pub(super) struct Batch {
    /// The most events of one call.
    pub(super) max: u32,
    /// How long the first event waits for others, in milliseconds.
    pub(super) within: u64,
}

/// What a batch may hold at most: its records stay in memory until it is handled.
const MOST: u32 = 100_000;

const HELP: &str = "write `batch(max = 500, within = \"50ms\")`: up to 500 events a call, of which the first waits up to 50 ms for the others";

#[derive(Clone, Copy)]
enum Setting {
    Max,
    Within,
}

const KEYS: &[Key<Setting>] = &[
    Key { name: "max", key: Setting::Max, repeats: false },
    Key { name: "within", key: Setting::Within, repeats: false },
];

/// Parses what follows the word `batch`.
pub(super) fn parse(cx: &Ctxt, input: ParseStream<'_>, name: &Ident) -> Option<Batch> {
    if !input.peek(syn::token::Paren) {
        let wrong = take_to_comma(input);
        let message = format!("missing arguments: {HELP}");
        if wrong.is_empty() {
            cx.error(name, message)
        } else {
            cx.error(wrong, message)
        }
        return None;
    }
    let (paren, content) = parenthesized(input).ok()?;
    let mut keys = Keys::new("`batch`", KEYS);
    let (mut max, mut within) = (None, None);
    while !content.is_empty() {
        match setting(cx, &content, &mut keys) {
            Some(Setting::Max) => max = number(cx, &content),
            Some(Setting::Within) => within = duration(cx, &content),
            None => {
                take_to_comma(&content);
            }
        }
        if !content.is_empty() && !content.peek(Token![,]) {
            keys.stranger();
            error_to_comma(cx, &content, "expected `,` before the next key");
        }
        let _ = content.parse::<Option<Token![,]>>();
    }
    if let Some(missing) = ["max", "within"].into_iter().find(|name| keys.misses(name)) {
        cx.error_at(paren.span.join(), format_args!("`{missing}` is missing: {HELP}"));
    }
    Some(Batch { max: max?, within: within? })
}

/// A key and its `=`.
fn setting(cx: &Ctxt, input: ParseStream<'_>, keys: &mut Keys<Setting>) -> Option<Setting> {
    let Ok(name) = input.call(Ident::parse_any) else {
        keys.stranger();
        // Without keys all of it is one mistake.
        let values: TokenStream = input.parse().unwrap_or_default();
        cx.error(values, format_args!("expected a key: {HELP}"));
        return None;
    };
    let key = keys.accept(cx, &name)?;
    if input.parse::<Token![=]>().is_err() || input.is_empty() || input.peek(Token![,]) {
        take_to_comma(input);
        cx.error(name, format_args!("expected `=` and a value: {HELP}"));
        return None;
    }
    Some(key)
}

/// A literal, or whatever stands in its place.
fn value(input: ParseStream<'_>) -> TokenStream {
    match input.parse::<Option<Lit>>() {
        Ok(Some(literal)) => literal.into_token_stream(),
        _ => take_to_comma(input),
    }
}

fn number(cx: &Ctxt, input: ParseStream<'_>) -> Option<u32> {
    let value = value(input);
    let number = syn::parse2::<LitInt>(value.clone()).and_then(|number| number.base10_parse::<u32>());
    match number {
        Ok(number @ 1..=MOST) => Some(number),
        _ => {
            cx.error(value, format_args!("`max` is a number from 1 to {MOST}"));
            None
        }
    }
}

fn duration(cx: &Ctxt, input: ParseStream<'_>) -> Option<u64> {
    let value = value(input);
    let millis = syn::parse2::<LitStr>(value.clone()).ok().and_then(|text| millis(&text.value()));
    if millis.is_none() {
        cx.error(
            value,
            "a duration is a whole number and a unit (`ms`, `s` or `m`) in quotes, such as `\"50ms\"`",
        );
    }
    millis
}

/// The same words as in a configuration file.
fn millis(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}

/// What is wrong with a batch handler as a whole.
pub(super) fn check(cx: &Ctxt, name: Span, batch: Option<Batch>, arguments: usize) {
    if batch.is_some() && arguments == 0 {
        cx.error_at(
            name,
            "a batch handler needs an argument for its events, such as `orders: Vec<OrderCreated>`",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn reads_durations() {
        assert_eq!(["50ms", "2s", "1 m", "0ms"].map(millis), [Some(50), Some(2000), Some(60_000), Some(0)]);
        for text in ["", "50", "ms", "-1s", "1.5s", "1h30m", "18446744073709551615s"] {
            assert_eq!(millis(text), None, "{text:?}");
        }
    }
}
