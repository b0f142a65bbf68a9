use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::{
    Expr, Ident, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, discouraged::Speculative},
    token::Paren,
};

use crate::{
    ctxt::Ctxt,
    parse::{error_to_comma, expression, parenthesized, take_to_comma},
};

/// Handlers, each of them once.
#[derive(Default)]
pub(crate) struct Handlers(Vec<Listed>);

/// A handler of a list.
pub(crate) struct Listed {
    pub(crate) path: Path,
    /// The layers around this handler alone, the outermost first.
    pub(crate) layers: Vec<Expr>,
}

impl Handlers {
    /// Parses `a, module::b, …` to the end. `place` is where to say that nothing stands there: the whole call if there
    /// is no better one.
    pub(crate) fn parse(cx: &Ctxt, input: ParseStream<'_>, place: Option<Span>) -> Self {
        if input.is_empty() {
            cx.error_at(
                place.unwrap_or_else(Span::call_site),
                "the list is empty: name the functions with `#[handler]`, such as `[on_order_created, orders::on_paid]`",
            );
        }
        let mut handlers = Self::default();
        while !input.is_empty() {
            handlers.parse_one(cx, input);
            let _ = input.parse::<Option<Token![,]>>();
        }
        handlers
    }

    pub(crate) fn listed(&self) -> &[Listed] {
        &self.0
    }

    fn parse_one(&mut self, cx: &Ctxt, input: ParseStream<'_>) {
        let ahead = input.fork();
        let path = ahead.call(Path::parse_mod_style).ok().filter(names_an_item);
        let Some(path) = path else {
            error_to_comma(
                cx,
                input,
                "expected the path of a function with `#[handler]`, such as `on_order_created` or `orders::on_paid`",
            );
            return;
        };
        input.advance_to(&ahead);
        if input.peek(Paren) || input.peek(Token![!]) {
            not_a_path(cx, input, &path);
            return;
        }
        let layers = layers(cx, input);
        if !input.is_empty() && !input.peek(Token![,]) {
            let text = text(&path);
            if input.peek(syn::Ident) {
                cx.error_at(input.span(), format_args!("expected `,` between the handlers, after `{text}`"));
            } else {
                cx.error(
                    take_to_comma(input),
                    format_args!(
                        "expected a handler's path and its layers only: `{text}`, or `{text}.layer(…)`"
                    ),
                );
            }
        }
        if self.0.iter().any(|other| text(&other.path) == text(&path)) {
            cx.error(&path, format_args!("`{}` is listed twice", text(&path)));
        } else {
            self.0.push(Listed { path, layers });
        }
    }
}

/// Reports a call or a macro: of a handler by mistake, or something that makes a router.
fn not_a_path(cx: &Ctxt, input: ParseStream<'_>, path: &Path) {
    let is_macro = input.peek(Token![!]);
    let wrong = take_to_comma(input);
    let wrong = quote!(#path #wrong);
    let text = text(path);
    if is_macro {
        cx.error(wrong, format_args!("only the paths of handlers are listed: {ROUTER}"));
    } else {
        cx.error(wrong, format_args!("a handler is listed by its path, `{text}`, without a call; {ROUTER}"));
    }
}

const ROUTER: &str =
    "a router is given without brackets, `orders: config => router`, or merged, `router![…].merge(router)`";

/// Parses `.layer(a).layer(b)` behind a handler, as far as it goes.
fn layers(cx: &Ctxt, input: ParseStream<'_>) -> Vec<Expr> {
    let mut layers = Vec::new();
    loop {
        let ahead = input.fork();
        let is_call = ahead.parse::<Token![.]>().is_ok()
            && ahead.call(Ident::parse_any).is_ok_and(|name| name == "layer")
            && ahead.peek(Paren);
        if !is_call {
            return layers;
        }
        input.advance_to(&ahead);
        let Ok((paren, content)) = parenthesized(input) else { return layers };
        match expression(&content) {
            Ok(layer) if content.is_empty() => layers.push(layer),
            Ok(_) => cx.error_at(
                paren.span.join(),
                "expected one layer; several are chained, `.layer(A).layer(B)`, of which the first is the outermost",
            ),
            Err(_) if content.is_empty() => cx.error_at(paren.span.join(), "expected a layer: `.layer(A)`"),
            Err(fault) => cx.push(fault),
        }
        // What is left was reported.
        take_all(&content);
    }
}

/// Takes all that is left.
fn take_all(input: ParseStream<'_>) {
    while input.parse::<proc_macro2::TokenTree>().is_ok() {}
}

/// Whether the path ends in a name.
fn names_an_item(path: &Path) -> bool {
    let last = path.segments.last().map(|last| last.ident.to_string());
    last.is_some_and(|last| !["self", "super", "crate", "Self"].contains(&&*last))
}

/// The path as one writes it.
fn text(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}
