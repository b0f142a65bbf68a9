use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Expr;

use super::list::Listed;
use crate::parse::located;

/// The layers of single handlers of a list, which its type holds: a field and a type parameter for each handler that has any.
pub(super) struct Layers<'l>(Vec<OfHandler<'l>>);

struct OfHandler<'l> {
    index: usize,
    field: Ident,
    parameter: Ident,
    layers: &'l [Expr],
}

impl<'l> Layers<'l> {
    pub(super) fn of(listed: &'l [Listed]) -> Self {
        let layered = listed.iter().enumerate().filter(|(_, listed)| !listed.layers.is_empty());
        let of_handler = |(index, listed): (usize, &'l Listed)| OfHandler {
            index,
            field: format_ident!("layer_{index}"),
            parameter: format_ident!("__Layer{index}"),
            layers: &listed.layers,
        };
        Self(layered.map(of_handler).collect())
    }

    /// The field with what is around this handler.
    pub(super) fn of_handler(&self, index: usize) -> Option<&Ident> {
        self.0.iter().find(|layers| layers.index == index).map(|layers| &layers.field)
    }

    fn parts(&self) -> (Vec<&Ident>, Vec<&Ident>) {
        self.0.iter().map(|OfHandler { field, parameter, .. }| (field, parameter)).unzip()
    }

    /// The list's type.
    pub(super) fn structure(&self, private: &TokenStream) -> TokenStream {
        let (fields, parameters) = self.parts();
        let arguments = self.arguments();
        quote!(struct __Routes #arguments { #(#fields: #private::Arc<#parameters>,)* })
    }

    /// `<A: Layer, B: Layer>`.
    pub(super) fn generics(&self, private: &TokenStream) -> TokenStream {
        let (_, parameters) = self.parts();
        if parameters.is_empty() { TokenStream::new() } else { quote!(<#(#parameters: #private::Layer),*>) }
    }

    /// `<A, B>`.
    pub(super) fn arguments(&self) -> TokenStream {
        let (_, parameters) = self.parts();
        if parameters.is_empty() { TokenStream::new() } else { quote!(<#(#parameters),*>) }
    }

    /// Copies of the list share the layers.
    pub(super) fn copy(&self, private: &TokenStream) -> TokenStream {
        let ((fields, _), arguments) = (self.parts(), self.arguments());
        let clone = if fields.is_empty() {
            quote!(*self)
        } else {
            quote!(Self { #(#fields: #private::Clone::clone(&self.#fields)),* })
        };
        let copy = fields.is_empty().then(|| {
            quote! {
                #[automatically_derived]
                impl #private::Copy for __Routes {}
            }
        });
        quote! {
            #[automatically_derived]
            impl #arguments #private::Clone for __Routes #arguments {
                fn clone(&self) -> Self {
                    #clone
                }
            }

            #copy
        }
    }

    /// The fields of the list's value.
    pub(super) fn value(&self, private: &TokenStream) -> TokenStream {
        let values = self.0.iter().map(|OfHandler { field, layers, .. }| {
            let value = chain(private, layers);
            quote!(#field: #value)
        });
        quote!({ #(#values),* })
    }
}

/// All of them as one, the first outermost. Each is judged where it stands.
fn chain(private: &TokenStream, layers: &[Expr]) -> TokenStream {
    let mut layers =
        layers.iter().rev().map(|layer| quote_spanned!(located(layer)=> #private::layer(#layer)));
    let Some(innermost) = layers.next() else { return TokenStream::new() };
    layers.fold(innermost, |inner, outer| quote!(#private::layer(#private::stack(#outer, #inner))))
}
