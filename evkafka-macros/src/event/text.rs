use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{ExprPath, LitStr, parse::ParseStream};

use crate::{ctxt::Ctxt, parse::take_to_comma};

/// A text in the attribute.
pub(super) enum Text {
    Literal(LitStr),
    /// The constant that has it.
    Constant(ExprPath),
}

impl ToTokens for Text {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(literal) => literal.to_tokens(tokens),
            Self::Constant(path) => path.to_tokens(tokens),
        }
    }
}

/// What a text is.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// How messages call it.
    what: &'static str,
    example: &'static str,
    /// What is wrong with it, if anything.
    fault: fn(&str) -> Option<String>,
}

pub(super) const NAME: Kind =
    Kind { what: "the name of an event", example: "billing.OrderPriced", fault: fault_of_name };
pub(super) const TOPIC: Kind = Kind { what: "a topic", example: "prices", fault: fault_of_topic };

/// Parses a text up to the next comma.
pub(super) fn parse(cx: &Ctxt, input: ParseStream<'_>, kind: Kind) -> Option<Text> {
    let value = take_to_comma(input);
    if let Ok(literal) = syn::parse2::<LitStr>(value.clone()) {
        return match (kind.fault)(&literal.value()) {
            None => Some(Text::Literal(literal)),
            Some(fault) => {
                cx.error(literal, fault);
                None
            }
        };
    }
    let Kind { what, example, .. } = kind;
    match syn::parse2::<ExprPath>(value.clone()) {
        // Constants are not written so: this was meant as the text itself.
        Ok(path) if path.path.get_ident().is_some_and(|name| has_lower_case(&name.to_string())) => {
            let text = path.to_token_stream();
            cx.error(
                path,
                format_args!("{what} is a string literal or the path of a constant: write `\"{text}\"`"),
            );
            None
        }
        Ok(path) => Some(Text::Constant(path)),
        Err(_) => {
            cx.error(
                value,
                format_args!(
                    "{what} is a string literal, such as `\"{example}\"`, or the path of a constant"
                ),
            );
            None
        }
    }
}

fn has_lower_case(name: &str) -> bool {
    name.contains(char::is_lowercase)
}

fn fault_of_name(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        Some("the name is empty; leave `name` out to use the struct's".to_owned())
    } else if name.trim() != name {
        Some(format!("remove the white space around the name: write {:?}", name.trim()))
    } else if name.contains(char::is_control) {
        Some("the name of an event cannot contain control characters, such as line breaks".to_owned())
    } else {
        None
    }
}

/// As the brokers' own rules have it.
fn fault_of_topic(topic: &str) -> Option<String> {
    const LONGEST: usize = 249;
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_name = !matches!(topic, "" | "." | "..") && topic.len() <= LONGEST && topic.chars().all(is_legal);
    (!is_name).then(|| {
        format!("invalid topic name {topic:?}: use up to {LONGEST} letters (a-z), digits, `.`, `_` and `-`")
    })
}
