use evkafka::{Metadata, handler};
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    id: u64,
}

#[derive(Deserialize)]
struct Tenant {
    name: u64,
}

#[handler(event = "A")]
async fn one_by_one(order: Order, meta: Metadata, tenant: Option<Tenant>) {
    let _ = (order.id, meta, tenant.map(|tenant| tenant.name));
}

#[handler(event = "B", batch(max = 2, within = "0ms"))]
async fn batch(orders: Vec<Order>, tenants: Vec<Tenant>) {
    let _ = (orders.len(), tenants.len());
}

fn main() {
    let _ = evkafka::router![one_by_one, batch];
}
