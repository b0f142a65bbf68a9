//! Lifetimes in the types that are copied from the function's signature.

use syn::{
    BoundLifetimes, GenericParam, Lifetime, ParenthesizedGenericArguments, TraitBound, Type, TypeFnPtr,
    TypeReference,
    visit::{self, Visit},
    visit_mut::{self, VisitMut},
};

/// The type with every lifetime that the function names (`'a`) turned into `'_`: outside of the function nobody
/// knows the name.
pub(super) fn elided(ty: &Type) -> Type {
    let mut ty = ty.clone();
    Elide { bound: Vec::new() }.visit_type_mut(&mut ty);
    ty
}

/// Whether the type borrows, unless for `'static`. What stands inside of `fn(&T)` or `Fn(&T)` is borrowed only by
/// whoever calls that.
pub(super) fn borrows(ty: &Type) -> bool {
    let mut borrows = Borrows { found: false, bound: Vec::new(), inside_call: 0 };
    borrows.visit_type(ty);
    borrows.found
}

fn names(lifetimes: Option<&BoundLifetimes>) -> Vec<Lifetime> {
    let params = lifetimes.into_iter().flat_map(|lifetimes| &lifetimes.lifetimes);
    params
        .filter_map(|param| match param {
            GenericParam::Lifetime(param) => Some(param.lifetime.clone()),
            _ => None,
        })
        .collect()
}

struct Elide {
    /// What the `for<'a>` around bind.
    bound: Vec<Lifetime>,
}

impl Elide {
    fn under(&mut self, lifetimes: Option<&BoundLifetimes>, visit: impl FnOnce(&mut Self)) {
        let outer = self.bound.len();
        self.bound.extend(names(lifetimes));
        visit(self);
        self.bound.truncate(outer);
    }
}

impl VisitMut for Elide {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident != "static" && !self.bound.contains(lifetime) {
            *lifetime = Lifetime::new("'_", lifetime.span());
        }
    }

    fn visit_type_fn_ptr_mut(&mut self, node: &mut TypeFnPtr) {
        self.under(node.lifetimes.clone().as_ref(), |this| visit_mut::visit_type_fn_ptr_mut(this, node));
    }

    fn visit_trait_bound_mut(&mut self, node: &mut TraitBound) {
        self.under(node.lifetimes.clone().as_ref(), |this| visit_mut::visit_trait_bound_mut(this, node));
    }
}

struct Borrows {
    found: bool,
    bound: Vec<Lifetime>,
    inside_call: usize,
}

impl Borrows {
    fn under(&mut self, lifetimes: Option<&BoundLifetimes>, visit: impl FnOnce(&mut Self)) {
        let outer = self.bound.len();
        self.bound.extend(names(lifetimes));
        visit(self);
        self.bound.truncate(outer);
    }

    fn inside_call(&mut self, visit: impl FnOnce(&mut Self)) {
        self.inside_call += 1;
        visit(self);
        self.inside_call -= 1;
    }
}

impl<'t> Visit<'t> for Borrows {
    fn visit_type_reference(&mut self, node: &'t TypeReference) {
        self.found |= node.lifetime.is_none() && self.inside_call == 0;
        visit::visit_type_reference(self, node);
    }

    fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
        let callers = lifetime.ident == "_" && self.inside_call > 0;
        self.found |= lifetime.ident != "static" && !callers && !self.bound.contains(lifetime);
    }

    fn visit_bound_lifetimes(&mut self, _: &'t BoundLifetimes) {}

    fn visit_type_fn_ptr(&mut self, node: &'t TypeFnPtr) {
        self.inside_call(|this| {
            this.under(node.lifetimes.as_ref(), |this| visit::visit_type_fn_ptr(this, node));
        });
    }

    fn visit_trait_bound(&mut self, node: &'t TraitBound) {
        self.under(node.lifetimes.as_ref(), |this| visit::visit_trait_bound(this, node));
    }

    fn visit_parenthesized_generic_arguments(&mut self, node: &'t ParenthesizedGenericArguments) {
        self.inside_call(|this| visit::visit_parenthesized_generic_arguments(this, node));
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn parsed(ty: &str) -> Type {
        syn::parse_str(ty).unwrap()
    }

    #[test]
    fn elides_what_the_function_names_and_nothing_else() {
        for (ty, expected) in [
            ("&'a str", "&'_ str"),
            ("Seen<'a, 'static, T>", "Seen<'_, 'static, T>"),
            ("Arc<dyn for<'b> Get<'b, &'a str>>", "Arc<dyn for<'b> Get<'b, &'_ str>>"),
            ("for<'b> fn(&'b str, &'a str)", "for<'b> fn(&'b str, &'_ str)"),
            ("(for<'b> fn(&'b str), &'b str)", "(for<'b> fn(&'b str), &'_ str)"),
            ("<Key<'a> as Trait<'a>>::Out", "<Key<'_> as Trait<'_>>::Out"),
        ] {
            let elided = elided(&parsed(ty)).to_token_stream().to_string();
            assert_eq!(elided, parsed(expected).to_token_stream().to_string(), "{ty}");
        }
    }

    #[test]
    fn finds_what_borrows_from_the_record() {
        for ty in [
            "&str",
            "&'a [u8]",
            "Key<'_>",
            "Option<Raw<'a>>",
            "(u8, &u8)",
            "Fn1<fn(&'a str)>",
            "Box<dyn T + '_>",
        ] {
            assert!(borrows(&parsed(ty)), "{ty}");
        }
        for ty in [
            "Order",
            "State<&'static str>",
            "State<Seen<'static>>",
            "State<fn(&str) -> &str>",
            "State<Arc<dyn Fn(&str, Key<'_>) + Send>>",
            "State<Arc<dyn for<'b> Get<'b>>>",
        ] {
            assert!(!borrows(&parsed(ty)), "{ty}");
        }
    }
}
