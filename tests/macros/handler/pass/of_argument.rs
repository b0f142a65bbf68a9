#![deny(warnings)]

use std::borrow::Cow;

use evkafka::{DecodeError, Event, Metadata, State, handler, router};
use serde::Deserialize;

#[derive(Deserialize, Event)]
struct OrderCreated {
    #[allow(dead_code)]
    id: u64,
}

#[derive(Deserialize, Event)]
#[event(name = "billing.OrderPaid", version = 2)]
struct OrderPaid<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Generated {}

impl Event for Generated {
    const NAME: &'static str = "generated";
}

#[handler]
async fn alone(_: OrderCreated) {}

#[handler]
async fn between(_: State<u8>, OrderPaid { method }: OrderPaid<'_>, _: Metadata) {
    drop(method);
}

#[handler]
async fn lifetime<'a>(_: Metadata, _: Option<OrderPaid<'a>>) {}

#[handler()]
async fn fallible(_: Result<OrderPaid<'_>, DecodeError>) {}

#[handler]
async fn both(_: Result<Option<OrderCreated>, DecodeError>) {}

#[handler]
fn blocking(_: OrderCreated) {}

#[handler(batch(max = 2, within = "1ms"))]
async fn batch(_: Vec<OrderPaid<'_>>, _: Vec<Metadata>, _: State<u8>) {}

#[handler(batch(max = 2, within = "1ms"))]
async fn batch_of_results(_: Vec<Metadata>, _: Vec<Result<OrderPaid<'_>, DecodeError>>) {}

#[handler(crate = ::evkafka)]
async fn generated(_: Generated) {}

// A name that is given takes precedence, and no version is assumed then.
#[handler(event = OrderPaid::NAME)]
async fn of_any_version(_: OrderPaid<'_>) {}

fn main() {
    use evkafka::__private::testing::{are_hashed, specs};

    macro_rules! taken {
        ($($handler:ident)*) => {[$({
            let specs = specs(&router![$handler]);
            assert!(specs.iter().all(are_hashed));
            (specs[0].events, specs[0].version)
        }),*]};
    }
    let created = (&["OrderCreated"][..], None);
    assert_eq!(taken![alone both blocking], [created; 3]);
    let paid = (&["billing.OrderPaid"][..], Some(2));
    assert_eq!(taken![between lifetime fallible batch batch_of_results], [paid; 5]);
    assert_eq!(taken![generated], [(&["generated"][..], None)]);
    assert_eq!(taken![of_any_version], [(&["billing.OrderPaid"][..], None)]);
}
