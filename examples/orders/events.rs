//! The events of the shop, as this service reads them. A producer may send more than is named here.

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct OrderCreated {
    pub(crate) order: u64,
    pub(crate) lines: Vec<Line>,
}

#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) quantity: u64,
    pub(crate) cents: u64,
}

/// Borrows from the record: no string is copied.
#[derive(Deserialize)]
pub(crate) struct OrderPaid<'a> {
    pub(crate) order: u64,
    pub(crate) cents: u64,
    pub(crate) method: &'a str,
}

#[derive(Deserialize)]
pub(crate) struct OrderCancelled {
    pub(crate) order: u64,
}

#[derive(Deserialize)]
pub(crate) struct RefundRequested {
    pub(crate) order: u64,
    pub(crate) cents: u64,
}
