//! The names of the events that a handler takes.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Expr, LitStr, Path, Token, Type, ext::IdentExt, parse::ParseStream, spanned::Spanned, token::Bracket,
};

use crate::{
    ctxt::Ctxt,
    parse::{bracketed, checked, error_to_comma, located, moved, take_to_comma},
};

/// The events that a handler takes.
pub(super) enum Events {
    /// Those that are named.
    Named(Names),
    /// The one that an argument is.
    OfArgument,
    /// Whatever no other handler takes.
    Rest,
}

/// The events in the order in which they were written.
#[derive(Default)]
pub(super) struct Names {
    names: Vec<Name>,
    /// The literals among them, to find one that is named twice.
    literals: HashSet<String>,
}

enum Name {
    Literal(LitStr),
    /// A constant of type `&str`.
    Constant(Path),
}

impl Names {
    /// Parses `"A"`, `NAME` or `["A", module::NAME]`.
    pub(super) fn parse(&mut self, cx: &Ctxt, input: ParseStream<'_>) -> Option<()> {
        if !input.peek(Bracket) {
            return self.parse_one(cx, input);
        }
        let (bracket, content) = bracketed(input).ok()?;
        if content.is_empty() {
            cx.error_at(
                bracket.span.join(),
                "the list is empty: name the events, or write `#[handler(fallback)]` to take what no other handler does",
            );
        }
        while !content.is_empty() {
            self.parse_one(cx, &content);
            if !content.is_empty() && !content.peek(Token![,]) {
                error_to_comma(cx, &content, "expected `,` before the next event");
            }
            let _ = content.parse::<Option<Token![,]>>();
        }
        Some(())
    }

    fn parse_one(&mut self, cx: &Ctxt, input: ParseStream<'_>) -> Option<()> {
        if !input.peek(LitStr) {
            let value = take_to_comma(input);
            match syn::parse2::<Expr>(value.clone()) {
                Ok(Expr::Path(constant)) if constant.attrs.is_empty() && constant.qself.is_none() => {
                    if is_type(&constant.path) {
                        let ty = constant.path.to_token_stream().to_string().replace(' ', "");
                        cx.error(
                            &constant.path,
                            format_args!(
                                "`{ty}` is written like a type: leave `event` out to take the event of the argument, or write \
                                 `event = {ty}::NAME`"
                            ),
                        );
                        return None;
                    }
                    self.names.push(Name::Constant(constant.path));
                    return Some(());
                }
                _ => {
                    cx.error(
                        value,
                        "the name of an event is a string literal, such as `\"OrderCreated\"`, or the path of a constant of type `&str`",
                    );
                    return None;
                }
            }
        }
        let name: LitStr = input.parse().ok()?;
        match self.fault(&name.value()) {
            Some(message) => cx.error(&name, message),
            None => self.names.push(Name::Literal(name)),
        }
        Some(())
    }

    /// What is wrong with the name of an event, apart from its type.
    fn fault(&mut self, name: &str) -> Option<String> {
        if name.is_empty() {
            Some(
                "the name of the event is empty; `#[handler(fallback)]` takes records without an event type"
                    .to_owned(),
            )
        } else if name.trim() != name {
            Some(format!(
                "remove the white space around the name, which no record would match: write {:?}",
                name.trim()
            ))
        } else if name.contains('\0') {
            Some("the name of an event cannot contain NUL".to_owned())
        } else if !self.literals.insert(name.to_owned()) {
            Some(format!("the event `{name}` is listed twice"))
        } else {
            None
        }
    }

    /// Constants for a block: the names, and the hashes of the names. Those of literals are computed here, where the compiler would take
    /// its time for them. A constant that a literal would be refused for is refused too.
    fn constants(&self, krate: &Path) -> TokenStream {
        let names = &self.names;
        let unique = &quote!(#krate::__private::unique);
        let check = &quote!(__evkafka_check_name);
        let hashes = names.iter().enumerate().map(|(index, name)| match name {
            Name::Literal(name) => {
                let hash = hash(&name.value());
                quote!(#hash)
            }
            Name::Constant(_) => quote!(#unique::hash(__EVKAFKA_EVENTS[#index])),
        });
        let checks = names.iter().enumerate().filter_map(|(index, name)| match name {
            Name::Literal(_) => None,
            Name::Constant(path) => {
                Some(checked(check, quote!(__EVKAFKA_EVENTS, #index), (path.span(), path.span())))
            }
        });
        let checks: Vec<_> = checks.collect();
        let import = (!checks.is_empty()).then(|| quote!(use #unique::check_name as #check;));
        quote! {
            const __EVKAFKA_EVENTS: &[&::core::primitive::str] = &[#(#names),*];
            const __EVKAFKA_HASHES: &[::core::primitive::u64] = &[#(#hashes),*];
            #import
            #(#checks)*
        }
    }
}

impl Events {
    /// Constants for a block: the names, and the hashes of the names. The path is that of the handler.
    pub(super) fn constants(&self, krate: &Path, arguments: &[Type], path: &TokenStream) -> TokenStream {
        match self {
            Self::Named(names) => names.constants(krate),
            Self::OfArgument => of_argument(krate, arguments, path),
            Self::Rest => Names::default().constants(krate),
        }
    }
}

/// Refuses a handler that names no event and takes none.
pub(super) fn check(cx: &Ctxt, events: &Events, arguments: usize) {
    if matches!(events, Events::OfArgument) && arguments == 0 {
        cx.error_at(
            Span::call_site(),
            "no event: take one as an argument whose type derives `evkafka::Event`, or name it, \
             `#[handler(event = \"OrderCreated\")]`; `#[handler(fallback)]` takes what no other handler does",
        );
    }
}

/// The name of the event that one of the arguments is. That none is, is told on the attribute; that two are, on the second.
fn of_argument(krate: &Path, arguments: &[Type], path: &TokenStream) -> TokenStream {
    let taken = &quote!(#krate::__private::taken);
    let specs = arguments.iter().map(|ty| {
        let krate = moved(krate, located(ty));
        quote_spanned!(located(ty)=> #krate::__private::EventOf::<#ty>::SPEC)
    });
    let check = &quote!(__evkafka_check_only);
    let checks = arguments.iter().enumerate().skip(1).map(|(index, ty)| {
        checked(check, quote!(__EVKAFKA_TAKEN, __EVKAFKA_ARE_PAYLOADS, #index), (ty.span(), ty.span()))
    });
    let import = (arguments.len() > 1).then(|| quote!(use #taken::check_only as #check;));
    quote! {
        const __EVKAFKA_TAKEN: &[::core::option::Option<&#krate::__private::EventSpec>] = {
            use #krate::__private::NoEvent as _;
            &[#(#specs),*]
        };
        const _: () = #taken::check(__EVKAFKA_TAKEN);
        #import
        #(#checks)*
        const __EVKAFKA_EVENT: #krate::__private::EventSpec = #taken::first(__EVKAFKA_TAKEN, #path);
        const __EVKAFKA_EVENTS: &[&::core::primitive::str] = &[__EVKAFKA_EVENT.name];
        const __EVKAFKA_HASHES: &[::core::primitive::u64] = &[#krate::__private::unique::hash(__EVKAFKA_EVENT.name)];
    }
}

/// Whether the path is rather that of a type than of a constant: so says its case.
fn is_type(path: &Path) -> bool {
    let name = path.segments.last().map(|last| last.ident.unraw().to_string()).unwrap_or_default();
    name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
}

impl ToTokens for Name {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(name) => name.to_tokens(tokens),
            Self::Constant(path) => path.to_tokens(tokens),
        }
    }
}

/// FNV-1a, as evkafka's `route::unique` computes it for constants.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
