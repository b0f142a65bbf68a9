#![deny(warnings)]

use std::sync::Arc;

use evkafka::{
    App, Call, Layer, Next, Router, app,
    handle::Attempt,
    handler,
    layer::{ConcurrencyLimit, RateLimit, Timeout, Trace},
    route::Routes,
    router,
};

#[handler(event = "A")]
async fn a() {}

#[handler(event = "B")]
fn b() {}

mod others {
    #[evkafka::handler(event = "C", batch(max = 2, within = "1s"))]
    pub async fn c(_ids: Vec<u64>) {}
}

#[derive(Clone)]
struct Named<N>(N);

impl<N: Send + Sync + 'static> Layer for Named<N> {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        next.run(call).await
    }
}

/// A layer that is no `async fn`.
struct Plain;

impl Layer for Plain {
    fn call(&self, call: Call<'_>, next: impl Next) -> impl Future<Output = Attempt> + Send {
        next.run(call)
    }
}

/// Stands in for a configuration.
fn config<T>() -> T {
    unimplemented!()
}

fn generic<L: Layer + Clone>(layer: L, second: impl Layer) -> Router<impl Routes> {
    router![a.layer(layer.clone()), b, others::c.layer(layer.clone()).layer(second)].layer(layer)
}

fn may_fail() -> Result<App, String> {
    let shared = Arc::new(Named("shared"));
    Ok(app! {
        title: "billing",
        layers: [Trace::new(), Arc::clone(&shared), Ok::<_, String>(Plain)?],
        consumers: {
            listed: config() => [a.layer(Arc::clone(&shared)), b.layer(if true { Plain } else { Plain }).layer(Timeout::new(config()))],
            router: config() => [a, others::c].layer(Ok::<_, String>(Plain)?).layer(Plain),
            other: config() => generic(Named(7), Plain).boxed().layer(Plain),
        },
    })
}

fn by_the_builder() -> App {
    App::new("billing").layer(ConcurrencyLimit::new(7)).layer(RateLimit::per_second(7)).consumer(
        "orders",
        config(),
        router![a.layer(Plain)].merge(router![b]).layer(Plain),
    )
}

fn main() {
    let router = generic(Named("a"), Plain);
    let copy = router.clone();
    assert_eq!(format!("{:?}", copy.boxed()), format!("{:?}", router.boxed()));
    let _ = (may_fail as fn() -> Result<App, String>, by_the_builder as fn() -> App);
}
