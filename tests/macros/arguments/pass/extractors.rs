#![deny(warnings)]

use std::{borrow::Cow, convert::Infallible, sync::Arc};

use evkafka::{
    DecodeError, Key, Metadata, State,
    handle::{
        AsyncFromContext, Context, FromContext, OptionalFromContext, RecordIndependent, Rejection,
        Requirements,
    },
    handler, router,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow)]
    sku: Cow<'a, str>,
}

/// Of one's own, borrowing, and optional.
struct Tenant<'r>(&'r [u8]);

impl<'r> OptionalFromContext<'r> for Tenant<'r> {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Option<Self>, Infallible> {
        Ok(context.record().headers().get("tenant").map(Tenant))
    }
}

impl<'r> FromContext<'r> for Tenant<'r> {
    type Rejection = &'static str;

    fn from_context(context: &Context<'r>) -> Result<Self, &'static str> {
        Option::<Self>::from_context(context).unwrap().ok_or("no tenant")
    }
}

/// Awaited, and borrowing.
struct Late<'r>(&'r [u8]);

impl<'r> AsyncFromContext<'r> for Late<'r> {
    type Rejection = Rejection;

    async fn from_context(context: &'r Context<'r>) -> Result<Self, Rejection> {
        let tenant = context.record().headers().get("tenant").ok_or("no tenant")?;
        std::future::ready(()).await;
        Ok(Self(tenant))
    }
}

/// Awaited, and owned; with the signature that leaves lifetimes out.
struct Account(u64);

impl<'r> AsyncFromContext<'r> for Account {
    type Rejection = std::io::Error;

    async fn from_context(_: &Context<'_>) -> Result<Self, std::io::Error> {
        std::future::ready(Ok(Self(7))).await
    }

    fn requires(requirements: &mut Requirements) {
        requirements.state::<u8>();
    }
}

impl RecordIndependent for Account {}

#[handler(event = "A")]
async fn all(
    seen: Seen<'_>,
    late: Late<'_>,
    tenant: Option<Tenant<'_>>,
    Account(account): Account,
    Key(key): Key<'_>,
    State(call): State<Arc<dyn Fn(&str) + Send + Sync>>,
) {
    std::future::ready(()).await;
    call(&seen.sku);
    assert!(key.is_none() && account == 7 && tenant.unwrap().0 == late.0);
}

#[handler(event = "B")]
async fn named<'a, 'b>(Late(late): Late<'a>, tenant: Tenant<'b>, _: Result<Seen<'a>, DecodeError>) {
    std::future::ready(()).await;
    assert!(late == tenant.0);
}

#[handler(event = "C")]
fn plain(Account(account): Account, _: Metadata) {
    assert!(account == 7);
}

#[handler(event = "D", batch(max = 5, within = "1ms"))]
async fn batch(
    seen: Vec<Seen<'_>>,
    late: Vec<Late<'_>>,
    tenants: Vec<Option<Tenant<'_>>>,
    Account(account): Account,
    accounts: Vec<Account>,
) {
    std::future::ready(()).await;
    assert!(account == 7 && seen.len() + late.len() + tenants.len() == 3 * accounts.len());
}

#[handler(event = "E", batch(max = 5, within = "1ms"))]
fn plain_batch(accounts: Vec<Account>, Account(account): Account) {
    assert!(accounts.iter().all(|Account(one)| *one == account));
}

fn is_send<T: Send>(_: T) {}

fn main() {
    use evkafka::__private::{Routes, testing::required_states};

    let router = router![all, named, plain, batch, plain_batch];
    assert!(required_states(&router).contains(&"u8"));
    is_send(router);
    fn boxed<R: Routes>(router: evkafka::Router<R>) -> evkafka::Router {
        router.boxed()
    }
    let _ = boxed(router![all, batch]);
}
