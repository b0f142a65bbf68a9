#![deny(warnings)]

extern crate evkafka as renamed;

mod inner {
    pub use renamed::__private;

    #[renamed::handler(event = "A", crate = ::renamed)]
    pub async fn a(_: u8) {}
}

#[renamed::handler(crate = crate::inner, fallback)]
fn rest() -> Priced {
    Priced { id: 7 }
}

#[renamed::handler(crate = ::renamed)]
async fn priced(_: Priced) {}

#[derive(serde::Serialize, serde::Deserialize, renamed::Event)]
#[event(crate = crate::inner, name = NAME, key = id)]
struct Priced {
    id: u64,
}

const NAME: &str = "Priced";

fn config<T>() -> T {
    unimplemented!()
}

fn app() -> renamed::App {
    renamed::app! {
        crate: ::renamed,
        title: "billing",
        consumers: { orders: config() => [inner::a, priced], rest: config() => renamed::router![crate = inner; rest] },
    }
}

fn main() {
    let _ = renamed::router![crate = ::renamed; inner::a, rest];
    let _ = app as fn() -> renamed::App;
}
