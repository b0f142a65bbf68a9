//! The procedural macros of evkafka. Use them through the `evkafka` crate, which re-exports them.

mod app;
mod ctxt;
mod event;
mod handler;
mod keys;
mod nearest;
mod parse;
mod router;

use proc_macro::TokenStream;

#[doc = include_str!("docs/handler.md")]
#[proc_macro_attribute]
pub fn handler(args: TokenStream, item: TokenStream) -> TokenStream {
    handler::handler(args.into(), item.into()).into()
}

#[doc = include_str!("docs/event.md")]
#[proc_macro_derive(Event, attributes(event))]
pub fn event(item: TokenStream) -> TokenStream {
    event::event(item.into()).into()
}

#[doc = include_str!("docs/router.md")]
#[proc_macro]
pub fn router(input: TokenStream) -> TokenStream {
    router::router(input.into()).into()
}

#[doc = include_str!("docs/app.md")]
#[proc_macro]
pub fn app(input: TokenStream) -> TokenStream {
    app::app(input.into()).into()
}

#[cfg(test)]
mod tests {
    use proc_macro2::{TokenStream, TokenTree};
    use quote::quote;

    fn names_evkafka(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "evkafka",
            TokenTree::Group(group) => names_evkafka(group.stream()),
            _ => false,
        })
    }

    #[test]
    fn a_renamed_crate_is_found_nowhere_but_under_its_path() {
        let item = quote!(
            async fn on_a(order: Order, meta: Metadata) -> Result<(), Error> {}
        );
        let plain = quote!(
            fn on_a(order: Order) {}
        );
        let renamed = [
            super::handler::handler(quote!(event = "A", crate = ::renamed), item.clone()),
            super::handler::handler(quote!(crate = ::renamed, fallback), plain),
            super::handler::handler(quote!(event = "", crate = ::renamed), item.clone()),
            super::event::event(quote!(
                #[event(crate = ::renamed, name = NAME, key = id)]
                struct A {
                    id: u64,
                }
            )),
            super::event::event(quote!(
                #[event(name = "", crate = ::renamed)]
                struct A;
            )),
            super::router::router(quote!(crate = ::renamed; a, b)),
            super::app::app(
                quote!(title: "t", consumers: { c: config => [a], d: config => router }, crate: ::renamed),
            ),
        ];
        for tokens in renamed {
            assert!(!names_evkafka(tokens.clone()), "{tokens}");
        }
        assert!(names_evkafka(super::handler::handler(quote!(event = "A"), item)));
    }

    #[test]
    fn the_type_beside_a_function_is_hidden_from_documentation() {
        let item = quote!(
            /// Documented.
            pub async fn on_a() {}
        );
        for args in [quote!(event = "A"), quote!(event = "")] {
            let tokens = super::handler::handler(args, item.clone()).to_string();
            let (_, before) = tokens.split_once("{ }").expect("the function");
            let (before, _) = before.split_once("struct on_a").expect("the type");
            assert!(before.contains("# [doc (hidden)]"), "{before}");
        }
    }
}
