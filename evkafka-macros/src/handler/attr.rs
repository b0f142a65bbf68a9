use proc_macro2::{Ident, Span, TokenStream};
use syn::{
    Lit, LitInt, LitStr, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    token::Bracket,
};

use super::batch::{self, Batch};
use crate::{
    ctxt::Ctxt,
    keys::{Key, Keys},
    parse::{bracketed, crate_path, default_crate, equals, error_to_comma, take_to_comma},
};

/// The attribute's arguments.
pub(super) struct Attr {
    /// Where evkafka is found.
    pub(super) krate: Path,
    /// The event types; empty for a fallback.
    pub(super) events: Vec<LitStr>,
    /// The version of them, if it handles only one.
    pub(super) version: Option<u32>,
    /// How events are collected, if they are.
    pub(super) batch: Option<Batch>,
}

#[derive(Clone, Copy)]
enum Argument {
    Event,
    Version,
    Fallback,
    Batch,
    Crate,
}

const KEYS: &[Key<Argument>] = &[
    Key { name: "event", key: Argument::Event, repeats: false },
    Key { name: "version", key: Argument::Version, repeats: false },
    Key { name: "fallback", key: Argument::Fallback, repeats: false },
    Key { name: "batch", key: Argument::Batch, repeats: false },
    Key { name: "crate", key: Argument::Crate, repeats: false },
];

/// Parses `event = "A"`, `event = ["A", "B"]`, `version = 2`, `fallback`, `batch(…)`, `crate = path`.
pub(super) fn parse(cx: &Ctxt, args: TokenStream) -> Attr {
    let mut attr = Attr { krate: default_crate(), events: Vec::new(), version: None, batch: None };
    let parser = |input: ParseStream<'_>| {
        arguments(cx, input, &mut attr);
        Ok(())
    };
    if let Err(fault) = parser.parse2(args) {
        cx.push(fault);
    }
    attr
}

fn arguments(cx: &Ctxt, input: ParseStream<'_>, attr: &mut Attr) {
    let mut keys = Keys::new("`#[handler]`", KEYS);
    let mut fallback = None;
    while !input.is_empty() {
        argument(cx, input, &mut keys, attr, &mut fallback);
        if !input.is_empty() && !input.peek(Token![,]) {
            error_to_comma(cx, input, "expected `,` before the next key");
        }
        let _ = input.parse::<Option<Token![,]>>();
    }
    match fallback {
        Some(fallback) if keys.given("event") => cx.error(
            fallback,
            "a handler has events or is the fallback, not both: the fallback takes what no event matched",
        ),
        Some(fallback) if keys.given("version") => {
            cx.error(
                fallback,
                "the fallback has no version: it takes what no event matched, of every version",
            );
        }
        None if keys.misses("event") => cx.error_at(
            Span::call_site(),
            "which events does it handle? Write `#[handler(event = \"OrderCreated\")]`, or \
             `#[handler(fallback)]` for those that no other handler takes",
        ),
        _ => {}
    }
}

/// One `key` or `key = value`; `None` if that is not what stands there.
fn argument(
    cx: &Ctxt,
    input: ParseStream<'_>,
    keys: &mut Keys<Argument>,
    attr: &mut Attr,
    fallback: &mut Option<Ident>,
) -> Option<()> {
    if input.peek(Lit) {
        keys.stranger();
        let value = take_to_comma(input);
        cx.error(&value, format_args!("expected a key: `event = {value}`"));
        return None;
    }
    let Ok(name) = input.call(Ident::parse_any) else {
        keys.stranger();
        error_to_comma(cx, input, "expected a key: `event = \"…\"` or `fallback`");
        return None;
    };
    let bare = input.is_empty() || input.peek(Token![,]);
    if bare && keys.is_far_from_known(&name) {
        keys.stranger();
        cx.error(&name, format_args!("expected a key: `event = \"{name}\"` for the event of this name"));
        return None;
    }
    let Some(key) = keys.accept(cx, &name) else {
        take_to_comma(input);
        return None;
    };
    match key {
        Argument::Event => {
            equals(
                cx,
                input,
                &name,
                "write `event = \"OrderCreated\"` or `event = [\"OrderCreated\", \"OrderPaid\"]`",
            )?;
            events(cx, input, &mut attr.events)
        }
        Argument::Version => {
            equals(cx, input, &name, "write `version = 2`")?;
            attr.version = Some(version(cx, input)?);
            Some(())
        }
        Argument::Fallback => {
            if !input.is_empty() && !input.peek(Token![,]) {
                error_to_comma(cx, input, "`fallback` stands alone, it takes no value");
            }
            *fallback = Some(name);
            Some(())
        }
        Argument::Batch => {
            attr.batch = Some(batch::parse(cx, input, &name)?);
            Some(())
        }
        Argument::Crate => {
            equals(cx, input, &name, "write `crate = ::path::to::evkafka`")?;
            attr.krate = crate_path(cx, input)?;
            Some(())
        }
    }
}

fn events(cx: &Ctxt, input: ParseStream<'_>, events: &mut Vec<LitStr>) -> Option<()> {
    if !input.peek(Bracket) {
        return event(cx, input, events);
    }
    let (bracket, content) = bracketed(input).ok()?;
    if content.is_empty() {
        cx.error_at(
            bracket.span.join(),
            "the list is empty: name the events, or write `#[handler(fallback)]` to take what no other handler does",
        );
    }
    while !content.is_empty() {
        event(cx, &content, events);
        if !content.is_empty() && !content.peek(Token![,]) {
            error_to_comma(cx, &content, "expected `,` before the next event");
        }
        let _ = content.parse::<Option<Token![,]>>();
    }
    Some(())
}

fn event(cx: &Ctxt, input: ParseStream<'_>, events: &mut Vec<LitStr>) -> Option<()> {
    if !input.peek(LitStr) {
        let value = take_to_comma(input);
        let message = match syn::parse2::<Ident>(value.clone()) {
            Ok(name) => format!("the name of an event is a string literal: write `\"{name}\"`"),
            Err(_) => "the name of an event is a string literal, such as `\"OrderCreated\"`".to_owned(),
        };
        cx.error(value, message);
        return None;
    }
    let name: LitStr = input.parse().ok()?;
    match fault(&name.value(), events) {
        Some(message) => cx.error(&name, message),
        None => events.push(name),
    }
    Some(())
}

fn version(cx: &Ctxt, input: ParseStream<'_>) -> Option<u32> {
    let value = take_to_comma(input);
    let number = syn::parse2::<LitInt>(value.clone()).and_then(|number| number.base10_parse());
    if number.is_err() {
        cx.error(value, "the version of an event is a whole number: write `version = 2`");
    }
    number.ok()
}

/// What is wrong with the name of an event, apart from its type.
fn fault(name: &str, others: &[LitStr]) -> Option<String> {
    if name.is_empty() {
        Some("an event has a name; records without one go to the handler with `fallback`".to_owned())
    } else if name.trim() != name {
        Some(format!("white space around the name would never match a record: write {:?}", name.trim()))
    } else if name.contains('\0') {
        Some("the name of an event cannot contain NUL".to_owned())
    } else if others.iter().any(|other| other.value() == name) {
        Some(format!("the event `{name}` is named twice here"))
    } else {
        None
    }
}
