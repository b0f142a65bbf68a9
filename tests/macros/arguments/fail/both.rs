use evkafka::{handle::{Context, FromContext}, handler};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tenant(String);

impl<'r> FromContext<'r> for Tenant {
    type Rejection = &'static str;

    fn from_context(_: &Context<'r>) -> Result<Self, Self::Rejection> {
        Err("no tenant")
    }
}

#[handler(event = "OrderCreated")]
async fn on_order_created(tenant: Tenant) {
    let _ = tenant.0;
}

fn main() {}
