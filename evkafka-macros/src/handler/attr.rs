use proc_macro2::{Ident, TokenStream};
use syn::{
    Lit, LitInt, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use super::{
    batch::{self, Batch},
    events::{Events, Names},
};
use crate::{
    ctxt::Ctxt,
    keys::{Key, Keys},
    parse::{crate_path, default_crate, equals, error_to_comma, take_to_comma},
};

/// The attribute's arguments.
pub(super) struct Attr {
    /// Where evkafka is found.
    pub(super) krate: Path,
    /// The event types.
    pub(super) events: Events,
    /// The version of them, if it handles only one.
    pub(super) version: Option<u32>,
    /// How events are collected, if they are.
    pub(super) batch: Option<Batch>,
    /// Whether they are meant to be, which `batch` with a fault in it says too.
    pub(super) names_batch: bool,
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

/// The keys that decide about others.
#[derive(Default)]
struct Given {
    fallback: Option<Ident>,
    version: Option<Ident>,
}

/// Parses `event = "A"`, `event = ["A", "B"]`, `version = 2`, `fallback`, `batch(…)`, `crate = path`.
pub(super) fn parse(cx: &Ctxt, args: TokenStream) -> Attr {
    let mut attr =
        Attr { krate: default_crate(), events: Events::Rest, version: None, batch: None, names_batch: false };
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
    let mut given = Given::default();
    while !input.is_empty() {
        argument(cx, input, &mut keys, attr, &mut given);
        if !input.is_empty() && !input.peek(Token![,]) {
            error_to_comma(cx, input, "expected `,` before the next key");
        }
        let _ = input.parse::<Option<Token![,]>>();
    }
    match given.fallback {
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
        None if keys.misses("event") => match given.version {
            None => attr.events = Events::OfArgument,
            Some(version) => cx.error(
                version,
                "without `event`, the version is that of the argument's type: write `#[event(version = 2)]` there, or name the event \
                 here too, `event = OrderCreated::NAME, version = 2`",
            ),
        },
        _ => {}
    }
}

/// One `key` or `key = value`; `None` if that is not what stands there.
fn argument(
    cx: &Ctxt,
    input: ParseStream<'_>,
    keys: &mut Keys<Argument>,
    attr: &mut Attr,
    given: &mut Given,
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
            let mut names = Names::default();
            let parsed = names.parse(cx, input);
            attr.events = Events::Named(names);
            parsed
        }
        Argument::Version => {
            equals(cx, input, &name, "write `version = 2`")?;
            given.version = Some(name);
            attr.version = Some(version(cx, input)?);
            Some(())
        }
        Argument::Fallback => {
            if !input.is_empty() && !input.peek(Token![,]) {
                error_to_comma(cx, input, "`fallback` takes no value");
            }
            given.fallback = Some(name);
            Some(())
        }
        Argument::Batch => {
            attr.names_batch = true;
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

fn version(cx: &Ctxt, input: ParseStream<'_>) -> Option<u32> {
    let value = take_to_comma(input);
    let number = syn::parse2::<LitInt>(value.clone()).and_then(|number| number.base10_parse());
    if number.is_err() {
        cx.error(value, "the version of an event is a whole number: write `version = 2`");
    }
    number.ok()
}
