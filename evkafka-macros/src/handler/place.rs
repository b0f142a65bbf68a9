//! Where the function stands. An attribute is not told, and what it adds beside a function the compiler refuses in an `impl` item by item.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
};

use syn::{
    Attribute, File, Ident, ImplItemFn, ItemFn, Signature, TraitItemFn,
    visit::{self, Visit},
};

use super::function::is_handler;

thread_local! {
    /// Of each source file that was looked at.
    static FILES: RefCell<HashMap<PathBuf, HashSet<String>>> = RefCell::default();
}

/// Whether the function is an item of an `impl` or a `trait`; `false` where that cannot be seen.
///
/// Looks into the source file, which the compiler names, but only for an attribute that is indented.
pub(super) fn is_associated(name: &Ident) -> bool {
    if !proc_macro::is_available() {
        return false;
    }
    let attribute = proc_macro::Span::call_site();
    if attribute.column() == 1 {
        return false;
    }
    let Some(path) = attribute.local_file() else { return false };
    FILES.with_borrow_mut(|files| {
        let associated = files.entry(path).or_insert_with_key(|path| {
            let file = fs::read_to_string(path).ok().and_then(|text| syn::parse_file(&text).ok());
            file.as_ref().map(associated).unwrap_or_default()
        });
        associated.contains(&name.to_string())
    })
}

/// The names of handlers that are associated functions. A name that a free function has too is not among them.
fn associated(file: &File) -> HashSet<String> {
    let mut handlers = Handlers::default();
    handlers.visit_file(file);
    &handlers.associated - &handlers.free
}

#[derive(Default)]
struct Handlers {
    associated: HashSet<String>,
    free: HashSet<String>,
}

fn note(names: &mut HashSet<String>, attrs: &[Attribute], sig: &Signature) {
    if attrs.iter().any(is_handler) {
        names.insert(sig.ident.to_string());
    }
}

impl<'f> Visit<'f> for Handlers {
    fn visit_impl_item_fn(&mut self, item: &'f ImplItemFn) {
        note(&mut self.associated, &item.attrs, &item.sig);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'f TraitItemFn) {
        note(&mut self.associated, &item.attrs, &item.sig);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_fn(&mut self, item: &'f ItemFn) {
        note(&mut self.free, &item.attrs, &item.sig);
        visit::visit_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_associated_functions_from_free_ones() {
        let file: File = syn::parse_quote! {
            impl Service {
                #[handler]
                async fn on_paid() {
                    #[evkafka::handler(event = "A")]
                    async fn inside_of_a_function() {}
                }
                #[handler]
                async fn of_both() {}
                async fn plain() {}
            }
            trait Handles {
                #[handler]
                async fn on_created() {}
            }
            mod orders {
                #[handler]
                async fn of_both() {}
            }
        };
        let expected = ["on_paid", "on_created"].map(str::to_owned);
        assert_eq!(associated(&file), HashSet::from(expected));
    }
}
