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
