use quote::ToTokens;
use syn::{
    FnArg, GenericParam, PatType, PathArguments, ReturnType, Safety, Type, TypeImplTrait, parse_quote,
    parse_quote_spanned,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::{
    attr::Attr,
    function::Function,
    lifetimes::{borrows, elided},
};
use crate::ctxt::Ctxt;

/// What the expansion has to know of the function's signature.
pub(super) struct Signature {
    /// The types of the arguments, fit to stand outside of the function.
    pub(super) arguments: Vec<Type>,
    /// The type of what it returns, `_` if it has no name (`impl Trait`); `None` if it never returns.
    pub(super) output: Option<Type>,
}

/// Checks what a handler's function may look like.
pub(super) fn check(cx: &Ctxt, function: &Function, attr: &Attr) -> Signature {
    let sig = &function.sig;
    qualifiers(cx, sig);
    generics(cx, sig);
    let blocking = sig.asyncness.is_none();
    if !attr.names_batch {
        sig.inputs.iter().for_each(|argument| unlikely(cx, argument));
    }
    let arguments = sig.inputs.iter().filter_map(|argument| match argument {
        FnArg::Receiver(receiver) => {
            cx.error(
                receiver,
                "a handler is a free function without `self`: share data as a state of the app and take `State<T>`",
            );
            None
        }
        FnArg::Typed(argument) => Some(typed(cx, argument, blocking)),
    });
    Signature { arguments: arguments.collect(), output: output(&sig.output) }
}

fn qualifiers(cx: &Ctxt, sig: &syn::Signature) {
    if let Some(token) = &sig.constness {
        cx.error(token, "a handler is called at run time: remove `const`");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        cx.error(token, "a handler cannot be unsafe: make it a safe function, with an `unsafe` block inside");
    }
    if let Some(abi) = &sig.abi {
        cx.error(abi, "a handler is a Rust function: remove `extern`");
    }
    if let Some(variadic) = &sig.variadic {
        cx.error(variadic, "a handler takes a fixed number of arguments: remove `...`");
    }
}

fn generics(cx: &Ctxt, sig: &syn::Signature) {
    for param in &sig.generics.params {
        match param {
            GenericParam::Lifetime(_) => {}
            GenericParam::Type(param) => cx.error(
                param,
                format_args!("a handler cannot be generic: write the type that `{}` stands for", param.ident),
            ),
            GenericParam::Const(param) => cx.error(
                param,
                format_args!(
                    "a handler cannot be generic: write the value that `{}` stands for",
                    param.ident
                ),
            ),
        }
    }
}

fn typed(cx: &Ctxt, argument: &PatType, blocking: bool) -> Type {
    if let Some(attr) =
        argument.attrs.iter().find(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr"))
    {
        cx.error(attr, "an argument cannot depend on `cfg`: write two functions, each with its own `#[cfg]`");
    }
    if let Some(opaque) = first_impl(&argument.ty) {
        cx.error(opaque, "an argument cannot be an `impl Trait`: write a concrete type");
    } else if blocking && borrows(&argument.ty) {
        cx.error(
            &argument.ty,
            "a plain function runs on the blocking pool and cannot borrow from the record: take an owned type, \
             or make the function `async`",
        );
    }
    elided(&argument.ty)
}

/// Refuses types that are payloads by the letter, and hardly meant as such.
fn unlikely(cx: &Ctxt, argument: &FnArg) {
    let FnArg::Typed(PatType { ty, .. }) = argument else { return };
    let Type::Path(path) = &**ty else { return };
    let Some(last) = path.path.segments.last() else { return };
    let PathArguments::AngleBracketed(parameters) = &last.arguments else {
        if last.ident == "String" {
            cx.error(
                ty,
                "a `String` is a payload that is a JSON string: take `Text<'_>` for the payload's text, `State<T>` for what the app \
                 holds, an extractor (`FromContext`) for a header, or a struct of your own around it",
            );
        }
        return;
    };
    if last.ident == "Vec" {
        let is_bytes = parameters.args.first().is_some_and(|of| of.to_token_stream().to_string() == "u8");
        let help = if is_bytes {
            "take `Raw<'_>` for the payload's bytes, or a struct of your own around it"
        } else {
            "add `batch(max = 500, within = \"50ms\")` to the attribute to take many events at a time, or take a struct of your own \
             around it"
        };
        cx.error(ty, format_args!("a `Vec` is a payload that is a JSON array: {help}"));
    }
}

fn output(output: &ReturnType) -> Option<Type> {
    match output {
        ReturnType::Default => Some(parse_quote!(())),
        ReturnType::Type(_, ty) => match &**ty {
            Type::Never(_) => None,
            ty if first_impl(ty).is_some() => Some(parse_quote_spanned!(ty.span()=> _)),
            ty => Some(elided(ty)),
        },
    }
}

/// The first `impl Trait` in a type.
fn first_impl(ty: &Type) -> Option<&TypeImplTrait> {
    struct FirstImpl<'t>(Option<&'t TypeImplTrait>);

    impl<'t> Visit<'t> for FirstImpl<'t> {
        fn visit_type_impl_trait(&mut self, node: &'t TypeImplTrait) {
            self.0.get_or_insert(node);
            visit::visit_type_impl_trait(self, node);
        }
    }

    let mut first = FirstImpl(None);
    first.visit_type(ty);
    first.0
}
