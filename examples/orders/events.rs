//! The events of a shop, as far as billing looks into them. Fields that it does not need are left out, and cost nothing.

use std::borrow::Cow;

use serde::Deserialize;

/// Borrows from the record: a string is copied only if it has an escape in it, such as `\n` or `\"`.
#[derive(Debug, Deserialize)]
pub(crate) struct OrderCreated<'a> {
    #[serde(borrow)]
    pub(crate) order: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) currency: Cow<'a, str>,
    pub(crate) total_cents: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OrderPaid {
    pub(crate) order: String,
    pub(crate) currency: String,
    pub(crate) amount_cents: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OrderCancelled<'a> {
    #[serde(borrow)]
    pub(crate) currency: Cow<'a, str>,
    pub(crate) refund_cents: i64,
}

/// Owned, because its handler is a plain function, which runs on another thread.
#[derive(Debug, Deserialize)]
pub(crate) struct InvoiceRequested {
    pub(crate) order: String,
    pub(crate) customer: String,
    pub(crate) currency: String,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    pub(crate) price_cents: i64,
}

/// Only the new cluster has it.
#[derive(Debug, Deserialize)]
pub(crate) struct CreditGranted<'a> {
    #[serde(borrow)]
    pub(crate) currency: Cow<'a, str>,
    pub(crate) credit_cents: i64,
}
