use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, ExprLit, Lit, Meta, Signature, Token, Visibility,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
    token::Brace,
};

use crate::ctxt::Ctxt;

/// The annotated function. Its body is none of the macro's business and stays tokens.
pub(super) struct Function {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) sig: Signature,
    body: TokenStream,
}

impl Function {
    /// Parses the item; `None` if it is no function.
    pub(super) fn parse(cx: &Ctxt, item: TokenStream) -> Option<Self> {
        let parser = |input: ParseStream<'_>| Self::parse_in(cx, input);
        parser.parse2(item).unwrap_or_else(|fault| {
            cx.push(fault);
            None
        })
    }

    fn parse_in(cx: &Ctxt, input: ParseStream<'_>) -> syn::Result<Option<Self>> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let keyword: Option<TokenTree> = input.fork().parse()?;
        if !is_function(&input.fork()) {
            input.parse::<TokenStream>()?;
            cx.error(
                keyword,
                "`#[handler]` goes on a function: `async fn on_order_created(order: OrderCreated) { … }`",
            );
            return Ok(None);
        }
        let sig: Signature = input.parse()?;
        if !input.peek(Brace) {
            input.parse::<TokenStream>()?;
            cx.error(&sig, "a handler is a function with a body");
            return Ok(None);
        }
        let body = input.parse()?;
        attrs.retain(|attr| {
            let again = is_handler(attr);
            if again {
                cx.error(
                    attr,
                    "a second `#[handler]` on one function: list several events in one, `event = [\"A\", \"B\"]`",
                );
            }
            !again
        });
        Ok(Some(Self { attrs, vis, sig, body }))
    }

    /// The first line of the doc comment; empty without one.
    pub(super) fn summary(&self) -> String {
        let text = self.attrs.iter().filter_map(doc).find_map(|text| {
            let mut lines = text.lines().map(|line| line.trim().trim_start_matches('*').trim());
            lines.find(|line| !line.is_empty()).map(str::to_owned)
        });
        text.unwrap_or_default()
    }

    /// What decides whether the function exists has to decide the same for all that is generated beside it.
    pub(super) fn cfgs(&self) -> Vec<TokenStream> {
        self.copied(|meta| meta.path().is_ident("cfg"))
    }

    /// The attributes that the type takes over: beside `cfg` the levels of lints. (It is hidden from documentation anyway.)
    pub(super) fn type_attrs(&self) -> Vec<TokenStream> {
        self.copied(|meta| {
            ["cfg", "allow", "warn", "deny", "forbid"].iter().any(|name| meta.path().is_ident(name))
        })
    }

    /// Whether calling it draws a warning.
    pub(super) fn is_deprecated(&self) -> bool {
        !self.copied(|meta| meta.path().is_ident("deprecated")).is_empty()
    }

    fn copied(&self, wanted: impl Fn(&Meta) -> bool) -> Vec<TokenStream> {
        self.attrs.iter().filter_map(|attr| copy(&attr.meta, &wanted)).map(|meta| quote!(#[#meta])).collect()
    }
}

/// Whether what follows begins like a function: `const async unsafe extern "C" fn`.
fn is_function(input: ParseStream<'_>) -> bool {
    fn qualifiers(input: ParseStream<'_>) -> syn::Result<()> {
        input.parse::<Option<Token![const]>>()?;
        input.parse::<Option<Token![async]>>()?;
        input.parse::<Option<Token![unsafe]>>()?;
        input.parse::<Option<syn::Abi>>()?;
        input.parse::<Token![fn]>().map(drop)
    }
    qualifiers(input).is_ok()
}

/// The attribute itself, a second time.
pub(super) fn is_handler(attr: &Attribute) -> bool {
    let path: Vec<_> = attr.path().segments.iter().map(|segment| segment.ident.to_string()).collect();
    path == ["handler"] || path == ["evkafka", "handler"]
}

fn doc(attr: &Attribute) -> Option<String> {
    match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// The attribute if it is wanted; of a `cfg_attr` what is wanted in it.
fn copy(meta: &Meta, wanted: &impl Fn(&Meta) -> bool) -> Option<TokenStream> {
    match meta {
        Meta::List(list) if list.path.is_ident("cfg_attr") => {
            let metas = list.parse_args_with(Punctuated::<TokensOrMeta, Token![,]>::parse_terminated).ok()?;
            let mut metas = metas.into_iter();
            let condition = metas.next()?.tokens;
            let copied: Vec<_> = metas.filter_map(|meta| copy(&meta.meta?, wanted)).collect();
            (!copied.is_empty()).then(|| quote!(cfg_attr(#condition, #(#copied),*)))
        }
        meta => wanted(meta).then(|| meta.to_token_stream()),
    }
}

/// An argument of `cfg_attr`: a condition, which may be `true`, or an attribute.
struct TokensOrMeta {
    tokens: TokenStream,
    meta: Option<Meta>,
}

impl Parse for TokensOrMeta {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let tokens = crate::parse::take_to_comma(input);
        Ok(Self { meta: syn::parse2(tokens.clone()).ok(), tokens })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, sig, body } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}
