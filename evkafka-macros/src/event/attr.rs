use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{
    Attribute, ExprPath, LitInt, Meta, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use super::{
    key::KeyPath,
    text::{self, Text},
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
    /// The event's name, if it is not the struct's.
    pub(super) name: Option<Text>,
    pub(super) version: Option<Version>,
    pub(super) topic: Option<Text>,
    pub(super) key: Option<KeyPath>,
}

/// The version of an event.
pub(super) enum Version {
    Number(u32),
    /// The constant that has it.
    Constant(ExprPath),
}

impl ToTokens for Version {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Number(number) => number.to_tokens(tokens),
            Self::Constant(path) => path.to_tokens(tokens),
        }
    }
}

#[derive(Clone, Copy)]
enum Argument {
    Name,
    Version,
    Topic,
    Key,
    Crate,
}

const KEYS: &[Key<Argument>] = &[
    Key { name: "name", key: Argument::Name, repeats: false },
    Key { name: "version", key: Argument::Version, repeats: false },
    Key { name: "topic", key: Argument::Topic, repeats: false },
    Key { name: "key", key: Argument::Key, repeats: false },
    Key { name: "crate", key: Argument::Crate, repeats: false },
];

const HELP: &str =
    "write `#[event(name = \"…\", version = 2, topic = \"…\", key = id)]`; each key is optional";

/// Parses the attributes `#[event(…)]`; of several, each has some of the keys.
pub(super) fn parse(cx: &Ctxt, attributes: &[Attribute]) -> Attr {
    let mut attr = Attr { krate: default_crate(), name: None, version: None, topic: None, key: None };
    let mut keys = Keys::new("`#[event]`", KEYS);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("event")) {
        let Meta::List(list) = &attribute.meta else {
            cx.error(attribute, format_args!("expected `(…)`: {HELP}"));
            continue;
        };
        let parser = |input: ParseStream<'_>| {
            arguments(cx, input, &mut keys, &mut attr);
            Ok(())
        };
        if let Err(fault) = parser.parse2(list.tokens.clone()) {
            cx.push(fault);
        }
    }
    attr
}

fn arguments(cx: &Ctxt, input: ParseStream<'_>, keys: &mut Keys<Argument>, attr: &mut Attr) {
    while !input.is_empty() {
        argument(cx, input, keys, attr);
        if !input.is_empty() && !input.peek(Token![,]) {
            error_to_comma(cx, input, "expected `,` before the next key");
        }
        let _ = input.parse::<Option<Token![,]>>();
    }
}

/// One `key = value`; `None` if that is not what stands there.
fn argument(cx: &Ctxt, input: ParseStream<'_>, keys: &mut Keys<Argument>, attr: &mut Attr) -> Option<()> {
    let Ok(name) = input.call(Ident::parse_any) else {
        error_to_comma(cx, input, format_args!("expected a key: {HELP}"));
        return None;
    };
    let Some(key) = keys.accept(cx, &name) else {
        take_to_comma(input);
        return None;
    };
    match key {
        Argument::Name => {
            equals(cx, input, &name, "write `name = \"billing.OrderPriced\"`")?;
            attr.name = Some(text::parse(cx, input, text::NAME)?);
        }
        Argument::Version => {
            equals(cx, input, &name, "write `version = 2`")?;
            attr.version = Some(version(cx, input)?);
        }
        Argument::Topic => {
            equals(cx, input, &name, "write `topic = \"prices\"`")?;
            attr.topic = Some(text::parse(cx, input, text::TOPIC)?);
        }
        Argument::Key => {
            equals(cx, input, &name, "write `key = id`, with the name of a field")?;
            attr.key = Some(KeyPath::parse(cx, input)?);
        }
        Argument::Crate => {
            equals(cx, input, &name, "write `crate = ::path::to::evkafka`")?;
            attr.krate = crate_path(cx, input)?;
        }
    }
    Some(())
}

fn version(cx: &Ctxt, input: ParseStream<'_>) -> Option<Version> {
    let value = take_to_comma(input);
    if let Ok(number) = syn::parse2::<LitInt>(value.clone())
        && let Ok(number) = number.base10_parse()
    {
        return Some(Version::Number(number));
    }
    match syn::parse2(value.clone()) {
        Ok(path) => Some(Version::Constant(path)),
        Err(_) => {
            cx.error(
                value,
                "a version is a whole number (`u32`) or the path of a constant: write `version = 2`",
            );
            None
        }
    }
}
