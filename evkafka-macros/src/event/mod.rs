//! `#[derive(Event)]`: what a struct says of itself as an event, and that it may be returned from a handler.

mod attr;
mod expand;
mod key;
mod text;

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Fields, GenericParam};

use crate::ctxt::Ctxt;

pub(crate) fn event(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(fault) => return fault.to_compile_error(),
    };
    let cx = Ctxt::new();
    let attr = attr::parse(&cx, &input.attrs);
    let fields = fields(&cx, &input);
    let is_concrete = check_generics(&cx, &input);
    if let Some(fields) = fields {
        check_field_attributes(&cx, fields);
        if let Some(key) = &attr.key {
            key.check(&cx, &input.ident, fields);
        }
    }
    let is_struct = fields.is_some();
    let mut tokens = TokenStream::new();
    let faults = cx.check();
    // What is faulty is an event all the same, so that whatever names it meets no second error.
    if is_struct && is_concrete {
        tokens.extend(expand::event(&attr, &input, faults.is_some()));
    }
    tokens.extend(faults);
    tokens
}

/// The fields of the struct; `None` if it is not one.
fn fields<'i>(cx: &Ctxt, input: &'i DeriveInput) -> Option<&'i Fields> {
    let name = &input.ident;
    match &input.data {
        Data::Struct(data) => return Some(&data.fields),
        Data::Enum(data) => cx.error(
            data.enum_token,
            format_args!(
                "an enum cannot be an event, since its variants would share one name: derive `Event` for a struct in place of \
                 each variant, or for one that has the enum in it, such as `struct {name}Changed({name});`"
            ),
        ),
        Data::Union(data) => cx.error(data.union_token, "a union cannot be an event: derive `Event` for a struct"),
    }
    None
}

/// Whether it is one type, apart from lifetimes.
fn check_generics(cx: &Ctxt, input: &DeriveInput) -> bool {
    let mut is_concrete = true;
    for parameter in &input.generics.params {
        let (name, help) = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(parameter) => {
                let help = format!("of each kind, such as `struct OrderCreated({}<Order>);`", input.ident);
                (&parameter.ident, help)
            }
            GenericParam::Const(parameter) => (&parameter.ident, "that says which it is".to_owned()),
        };
        is_concrete = false;
        cx.error(
            parameter,
            format_args!("an event has one name, so it cannot be generic over `{name}`: derive `Event` for a struct {help}"),
        );
    }
    is_concrete
}

fn check_field_attributes(cx: &Ctxt, fields: &Fields) {
    let attributes = fields.iter().flat_map(|field| &field.attrs);
    for attribute in attributes.filter(|attribute| attribute.path().is_ident("event")) {
        cx.error(
            attribute,
            "a field takes no `event` attribute: write `#[event(key = id)]` before the struct, with the field's name",
        );
    }
}

#[cfg(test)]
mod tests;
