#![deny(warnings)]

use evkafka::{handler, router};

struct Order;

impl Order {
    const NAME: &'static str = "Order";
}

mod names {
    pub const PAID: &str = "Paid";
}

const LOST: &str = "Lost";

#[handler(event = [Order::NAME, "Other", names::PAID])]
async fn several() {}

#[handler(event = LOST)]
async fn one() {}

// A name that is a keyword.
#[handler(event = "Type")]
async fn r#type() {}

fn main() {
    let specs = evkafka::__private::testing::specs(&router![several, one, r#type]);
    assert_eq!(specs[0].events, ["Order", "Other", "Paid"]);
    assert_eq!(specs[1].events, ["Lost"]);
    assert_eq!(specs[2].path, concat!(module_path!(), "::type"));
    assert!(specs.iter().all(evkafka::__private::testing::are_hashed));
}
