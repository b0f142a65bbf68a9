//! What the records are: half orders of about 215 bytes with three lines each, 30 % payments of about 65 bytes, and 20 %
//! of a type that nobody handles.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) customer: String,
    pub(crate) currency: String,
    pub(crate) lines: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
    pub(crate) cents: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) order: u64,
    pub(crate) cents: u64,
    pub(crate) method: String,
}

#[derive(Deserialize)]
pub(crate) struct OrderRef<'a> {
    pub(crate) id: u64,
    pub(crate) customer: &'a str,
    pub(crate) currency: &'a str,
    #[serde(borrow)]
    pub(crate) lines: Vec<LineRef<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct LineRef<'a> {
    pub(crate) sku: &'a str,
    pub(crate) quantity: u32,
    pub(crate) cents: u64,
}

#[derive(Deserialize)]
pub(crate) struct PaymentRef<'a> {
    pub(crate) order: u64,
    pub(crate) cents: u64,
    pub(crate) method: &'a str,
}

/// The record number `n`: its event type and payload.
pub(crate) fn record(n: u64) -> (&'static str, Vec<u8>) {
    match n % 10 {
        0..5 => ("OrderCreated", serde_json::to_vec(&order(n)).expect("plain data")),
        5..8 => {
            let payment = Payment { order: n, cents: 100 + n % 90_000, method: "card-visa-debit".to_owned() };
            ("PaymentReceived", serde_json::to_vec(&payment).expect("plain data"))
        }
        _ => {
            ("InventoryCounted", format!(r#"{{"warehouse":"north-{}","count":{}}}"#, n % 7, n % 1000).into())
        }
    }
}

/// The payload of a record, an object, with its event type as the first field.
pub(crate) fn typed(event: &str, payload: &[u8]) -> Vec<u8> {
    let (separator, fields) = match payload {
        [b'{', fields @ ..] => (",", fields),
        _ => ("", &b"}"[..]),
    };
    [format!(r#"{{"type":"{event}"{separator}"#).as_bytes(), fields].concat()
}

pub(crate) fn order(n: u64) -> Order {
    let line = |i: u64| Line {
        sku: format!("sku-{:05}", (n * 31 + i * 7) % 100_000),
        quantity: u32::try_from(1 + (n + i) % 4).expect("small"),
        cents: 199 + (n * 13 + i) % 20_000,
    };
    Order {
        id: n,
        customer: format!("customer-{:06}", n % 250_000),
        currency: "EUR".to_owned(),
        lines: (0..3).map(line).collect(),
    }
}
