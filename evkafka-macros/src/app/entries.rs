use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{
    Expr, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use super::{
    consumer::{self, Consumer},
    producer::{self, Producer},
};
use crate::{
    ctxt::Ctxt,
    keys::{Key, Keys},
    parse::{crate_path, default_crate, error_to_comma, expression, take_to_comma},
};

/// What stands in `app! { … }`.
pub(super) struct App {
    pub(super) krate: Path,
    /// In the order in which they were written, and in which their expressions are evaluated.
    pub(super) entries: Vec<Entry>,
}

/// A call of the builder.
pub(super) enum Entry {
    Title(Expr),
    Version(Expr),
    State(Expr),
    Layer(Expr),
    Traces(Expr),
    ShutdownTimeout(Expr),
    StallTimeout(Expr),
    Admin(Expr),
    Consumer(Consumer),
    Producer(Producer),
}

#[derive(Clone, Copy)]
enum Name {
    Title,
    Version,
    State,
    Layers,
    Traces,
    ShutdownTimeout,
    StallTimeout,
    Admin,
    Consumers,
    Producers,
    Crate,
}

const KEYS: &[Key<Name>] = &[
    Key { name: "title", key: Name::Title, repeats: false },
    Key { name: "version", key: Name::Version, repeats: false },
    Key { name: "state", key: Name::State, repeats: true },
    Key { name: "layers", key: Name::Layers, repeats: false },
    Key { name: "traces", key: Name::Traces, repeats: false },
    Key { name: "shutdown_timeout", key: Name::ShutdownTimeout, repeats: false },
    Key { name: "stall_timeout", key: Name::StallTimeout, repeats: false },
    Key { name: "admin", key: Name::Admin, repeats: false },
    Key { name: "consumers", key: Name::Consumers, repeats: false },
    Key { name: "producers", key: Name::Producers, repeats: false },
    Key { name: "crate", key: Name::Crate, repeats: false },
];

impl App {
    pub(super) fn parse(cx: &Ctxt, input: TokenStream) -> Self {
        let mut app = Self { krate: default_crate(), entries: Vec::new() };
        let parser = |input: ParseStream<'_>| {
            app.parse_in(cx, input);
            Ok(())
        };
        if let Err(fault) = parser.parse2(input) {
            cx.push(fault);
        }
        app
    }

    fn parse_in(&mut self, cx: &Ctxt, input: ParseStream<'_>) {
        let mut keys = Keys::new("`app!`", KEYS);
        while !input.is_empty() {
            self.parse_entry(cx, input, &mut keys);
            comma(cx, input, "key");
        }
        if keys.misses("title") {
            cx.error_at(Span::call_site(), "missing `title`: write `title: \"billing\"`");
        }
        if keys.misses("consumers") {
            cx.error_at(
                Span::call_site(),
                "missing `consumers`: write `consumers: { orders: config => [on_order_created] }`",
            );
        }
    }

    fn parse_entry(&mut self, cx: &Ctxt, input: ParseStream<'_>, keys: &mut Keys<Name>) -> Option<()> {
        let Ok(name) = input.call(Ident::parse_any) else {
            keys.stranger();
            error_to_comma(cx, input, "expected a key, such as `title: \"billing\"`");
            return None;
        };
        let Some(key) = keys.accept(cx, &name) else {
            take_to_comma(input);
            return None;
        };
        colon(cx, input, &name, "…")?;
        match key {
            Name::Crate => self.krate = crate_path(cx, input)?,
            Name::Consumers => {
                self.entries.extend(consumer::parse(cx, input)?.into_iter().map(Entry::Consumer))
            }
            Name::Producers => {
                self.entries.extend(producer::parse(cx, input)?.into_iter().map(Entry::Producer))
            }
            Name::Layers => self.entries.extend(layers(cx, input, &name)?.into_iter().map(Entry::Layer)),
            Name::Title => self.entries.push(Entry::Title(value(cx, input, &name)?)),
            Name::Version => self.entries.push(Entry::Version(value(cx, input, &name)?)),
            Name::Traces => self.entries.push(Entry::Traces(value(cx, input, &name)?)),
            Name::ShutdownTimeout => self.entries.push(Entry::ShutdownTimeout(value(cx, input, &name)?)),
            Name::StallTimeout => self.entries.push(Entry::StallTimeout(value(cx, input, &name)?)),
            Name::Admin => self.entries.push(Entry::Admin(value(cx, input, &name)?)),
            Name::State => self.entries.push(Entry::State(value(cx, input, &name)?)),
        }
        Some(())
    }
}

/// The `:` after a key; a `=` in its place is a fault that one can read past.
pub(super) fn colon(cx: &Ctxt, input: ParseStream<'_>, name: &impl ToTokens, value: &str) -> Option<()> {
    let text = name.to_token_stream();
    if input.peek(Token![:]) && !input.peek(Token![::]) {
        return input.parse::<Token![:]>().ok().map(drop);
    }
    if input.peek(Token![=]) && !input.peek(Token![==]) && !input.peek(Token![=>]) {
        let equals = input.parse::<Token![=]>().ok()?;
        cx.error(equals, format_args!("expected `:`, not `=`: `{text}: {value}`"));
        return Some(());
    }
    let place = input.span();
    let wrong = take_to_comma(input);
    let message = format!("expected `:` and a value: `{text}: {value}`");
    if wrong.is_empty() {
        cx.error(name, message)
    } else {
        cx.error_at(place, message)
    }
    None
}

fn value(cx: &Ctxt, input: ParseStream<'_>, name: &Ident) -> Option<Expr> {
    if input.is_empty() || input.peek(Token![,]) {
        cx.error(name, format_args!("`{name}` has no value"));
        return None;
    }
    expression(input).map_err(|fault| go_on(cx, input, fault)).ok()
}

/// `[A, B]`.
fn layers(cx: &Ctxt, input: ParseStream<'_>, name: &Ident) -> Option<Vec<Expr>> {
    match value(cx, input, name)? {
        Expr::Array(layers) => Some(layers.elems.into_iter().collect()),
        other => {
            cx.error(&other, "layers are listed in brackets, the outermost first: `layers: [A, B]`");
            None
        }
    }
}

/// Tells a fault that syn found, and goes on at the next comma.
pub(super) fn go_on(cx: &Ctxt, input: ParseStream<'_>, fault: syn::Error) {
    cx.push(fault);
    take_to_comma(input);
}

/// The comma between two entries. Where it is missing before something that looks like an entry, that is not lost.
pub(super) fn comma(cx: &Ctxt, input: ParseStream<'_>, what: &str) {
    if !input.is_empty() && !input.peek(Token![,]) {
        let entry = (input.peek(syn::Ident::peek_any) || input.peek(syn::LitStr)) && input.peek2(Token![:]);
        let message = format_args!("expected `,` before the next {what}").to_string();
        if entry {
            cx.error_at(input.span(), message);
        } else {
            error_to_comma(cx, input, message);
        }
    }
    let _ = input.parse::<Option<Token![,]>>();
}
