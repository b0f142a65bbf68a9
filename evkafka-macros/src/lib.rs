//! The procedural macros of evkafka. Use them through the `evkafka` crate, which re-exports them.

mod app;
mod ctxt;
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
