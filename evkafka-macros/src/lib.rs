//! The procedural macros of evkafka.

use proc_macro::TokenStream;

/// (to come)
#[proc_macro_attribute]
pub fn handler(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// (to come)
#[proc_macro]
pub fn router(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// (to come)
#[proc_macro]
pub fn app(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
