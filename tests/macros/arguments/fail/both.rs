use evkafka::{handle::{AsyncFromContext, Context, FromContext}, handler};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tenant(String);

impl<'r> FromContext<'r> for Tenant {
    type Rejection = &'static str;

    fn from_context(_: &Context<'r>) -> Result<Self, Self::Rejection> {
        Err("no tenant")
    }
}

#[derive(Deserialize)]
struct Account<'r>(&'r str);

impl<'r> AsyncFromContext<'r> for Account<'r> {
    type Rejection = &'static str;

    async fn from_context(_: &'r Context<'r>) -> Result<Self, Self::Rejection> {
        Err("no account")
    }
}

#[handler(event = "OrderCreated")]
async fn on_order_created(tenant: Tenant) {
    let _ = tenant.0;
}

#[handler(event = "OrderPaid")]
async fn on_order_paid(account: Account<'_>) {
    let _ = account.0;
}

#[handler(event = "OrderShipped", batch(max = 10, within = "0ms"))]
async fn on_orders_shipped(tenants: Vec<Tenant>) {
    let _ = tenants.len();
}

fn main() {}
