//! `app!`: the builder's calls, written as a list of keys.

mod consumer;
mod entries;
mod expand;
mod name;
mod producer;

use proc_macro2::TokenStream;
use quote::quote;

use self::entries::App;
use crate::ctxt::Ctxt;

pub(crate) fn app(input: TokenStream) -> TokenStream {
    let cx = Ctxt::new();
    let app = App::parse(&cx, input);
    let builder = expand::app(&app);
    match cx.check() {
        None => builder,
        Some(faults) => quote!({ #faults #builder }),
    }
}
