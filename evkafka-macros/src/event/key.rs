use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprField, Fields, LitStr, Member, ext::IdentExt, parse::ParseStream};

use crate::{
    ctxt::Ctxt,
    nearest::nearest,
    parse::{located, take_to_comma},
};

/// Where the key of an event is: a field, or a field of a field.
pub(super) struct KeyPath(Vec<Member>);

const HELP: &str = "a key is a field, or a field of a field: `key = id`, `key = customer.id`, `key = 0`; for any other, \
                    implement `evkafka::event::ToKey` for the type of a field";

impl KeyPath {
    /// Parses everything up to the next comma.
    pub(super) fn parse(cx: &Ctxt, input: ParseStream<'_>) -> Option<Self> {
        let value = take_to_comma(input);
        // What follows `self.` is what an expression has there, `0.1` included, which is a number by itself.
        let members = syn::parse2(quote!(self.#value)).ok().and_then(members);
        if members.is_none() {
            cx.error(&value, fault(&value));
        }
        members.map(Self)
    }

    /// Finds out whether there is such a field.
    pub(super) fn check(&self, cx: &Ctxt, owner: &Ident, fields: &Fields) {
        let Some(first) = self.0.first() else { return };
        let names: Vec<_> = fields.members().map(|member| text(&member)).collect();
        let name = text(first);
        if names.contains(&name) {
            return;
        }
        let hint = match nearest(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("; did you mean `{near}`?"),
            None if names.is_empty() => String::new(),
            None => format!(" (it has `{}`)", names.join("`, `")),
        };
        cx.error(first, format_args!("`{}` has no field `{name}`{hint}", owner.unraw()));
    }

    /// A reference to the key of `self`, at the place where it was named. The tokens are the macro's, so that lints leave them alone.
    pub(super) fn reference(&self) -> TokenStream {
        let mut tokens = TokenStream::new();
        let place = self.place();
        for member in &self.0 {
            let member = relocated(member);
            tokens.extend(quote_spanned!(place=> .#member));
        }
        quote_spanned!(place=> &self #tokens)
    }

    pub(super) fn place(&self) -> Span {
        let members: TokenStream = self.0.iter().map(ToTokens::to_token_stream).collect();
        located(&members)
    }
}

/// The fields of `self.a.b`; `None` if it is another expression.
fn members(expression: Expr) -> Option<Vec<Member>> {
    match expression {
        Expr::Field(ExprField { base, member, attrs, .. }) if attrs.is_empty() => {
            let mut members = members(*base)?;
            members.push(member);
            Some(members)
        }
        Expr::Path(_) => Some(Vec::new()),
        _ => None,
    }
}

fn relocated(member: &Member) -> Member {
    let mut member = member.clone();
    match &mut member {
        Member::Named(name) => name.set_span(located(name)),
        Member::Unnamed(index) => index.span = located(index),
    }
    member
}

/// What is wrong with what is not a path of fields.
fn fault(value: &TokenStream) -> String {
    if let Ok(literal) = syn::parse2::<LitStr>(value.clone()) {
        return format!("a key is the name of a field, without quotes: write `key = {}`", literal.value());
    }
    let mut tokens = value.clone().into_iter();
    let is_self = tokens.next().is_some_and(|token| token.to_string() == "self");
    if is_self && tokens.next().is_some_and(|token| token.to_string() == ".") {
        let rest: TokenStream = tokens.collect();
        return format!("a key is the name of a field, without `self`: write `key = {rest}`");
    }
    HELP.to_owned()
}

fn text(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
