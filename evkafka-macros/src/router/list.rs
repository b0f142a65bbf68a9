use proc_macro2::Span;
use quote::ToTokens;
use syn::{
    Path, Token,
    parse::{ParseStream, discouraged::Speculative},
};

use crate::{
    ctxt::Ctxt,
    parse::{error_to_comma, take_to_comma},
};

/// The paths of handlers, each of them once.
#[derive(Default)]
pub(crate) struct Handlers(Vec<Path>);

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

    pub(crate) fn paths(&self) -> &[Path] {
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
        if !input.is_empty() && !input.peek(Token![,]) {
            let text = text(&path);
            if input.peek(syn::Ident) {
                cx.error_at(input.span(), format_args!("expected `,` between the handlers, after `{text}`"));
            } else {
                cx.error(
                    take_to_comma(input),
                    format_args!("only the path of the handler stands here: `{text}`"),
                );
            }
        }
        if self.0.iter().any(|other| text(other) == text(&path)) {
            cx.error(&path, format_args!("`{}` stands in this list twice", text(&path)));
        } else {
            self.0.push(path);
        }
    }
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
