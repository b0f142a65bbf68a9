#![no_implicit_prelude]
#![deny(warnings)]

#[::evkafka::handler(event = "A")]
async fn a(
    number: u8,
    meta: ::evkafka::Metadata,
    key: ::evkafka::Key<'_>,
) -> ::core::result::Result<(), ::std::string::String> {
    let _ = (number, meta, key);
    ::core::result::Result::Ok(())
}

#[::evkafka::handler(fallback)]
fn rest() {}

#[derive(::serde::Serialize, ::evkafka::Event)]
#[event(name = NAME, version = 2, topic = "prices", key = id)]
struct Priced<'a> {
    id: &'a ::core::primitive::str,
}

const NAME: &::core::primitive::str = "Priced";

#[::evkafka::handler(event = "C")]
async fn priced() -> ::core::option::Option<Priced<'static>> {
    ::core::option::Option::Some(Priced { id: "7" })
}

#[derive(::serde::Deserialize, ::evkafka::Event)]
struct Created {}

#[::evkafka::handler]
async fn created(_: ::core::option::Option<Created>, _: ::evkafka::Metadata) {}

fn config<T>() -> T {
    ::core::unimplemented!()
}

fn app() -> ::evkafka::App {
    ::evkafka::app! {
        title: "billing",
        state: 7_u8,
        consumers: { orders: config() => [a, priced, created, rest], rest: config() => ::evkafka::router![rest] },
    }
}

fn main() {
    let _ = ::core::clone::Clone::clone(&::evkafka::router![a, rest]);
    let _ = app as fn() -> ::evkafka::App;
}
