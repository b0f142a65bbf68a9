#![deny(warnings)]

use evkafka::{Router, handler, route::Routes, router};

#[handler(event = "A")]
async fn a() {}

mod orders {
    pub mod paid {
        #[evkafka::handler(event = "B")]
        pub fn b() {}
    }
}

use orders::paid;

/// Called like macros: one that is imported, one of the prelude, an attribute, and one that makes the handler.
mod like_macros {
    use evkafka::handler;

    #[handler(event = "D")]
    pub async fn handler() {}

    #[handler(event = "E")]
    pub async fn println() {}

    #[handler(event = "G")]
    pub async fn warn() {}

    macro_rules! on_made {
        () => {
            #[handler(event = "F")]
            pub async fn on_made() {}
        };
    }
    on_made!();

    pub fn routes() -> super::Router<impl super::Routes> {
        evkafka::router![handler, println, warn, on_made]
    }
}

fn routes() -> Router<impl Routes> {
    router![self::a, paid::b,]
}

fn main() {
    #[handler(event = "C")]
    async fn c() {}

    // One handler in two lists is no conflict.
    let both = (router![a, c], router![a]);
    let copied = both.0.clone();
    let _ = both.0.merge(routes());
    let _ = like_macros::routes();
    // A variable of a function's name is not in the way.
    let a = router![a];
    let _ = a.merge(router![c]);
    let a = 7;
    let _ = (a, router![a]);
    assert_eq!(
        format!("{copied:?}"),
        "Router { routes: [forms::a, forms::c] }".replace("forms", module_path!())
    );
}
