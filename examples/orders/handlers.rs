//! What the service does with an event.

use evkafka::{Metadata, State, handler};

use crate::{
    events::{OrderCancelled, OrderCreated, OrderPaid, RefundRequested},
    ledger::{Ledger, LedgerBusy},
};

/// Opens an invoice.
#[handler(event = "OrderCreated")]
pub(crate) async fn on_order_created(order: OrderCreated, State(ledger): State<Ledger>, meta: Metadata) {
    let cents = order.lines.iter().map(|line| line.quantity * line.cents).sum();
    ledger.invoice(&meta, order.order, cents);
}

/// Books a payment. The ledger may be busy, which is no reason to lose it: an error has the event handled again.
#[handler(event = "OrderPaid")]
pub(crate) async fn on_order_paid(
    paid: OrderPaid<'_>,
    State(ledger): State<Ledger>,
    meta: Metadata,
) -> Result<(), LedgerBusy> {
    ledger.payment(&meta, paid.order, paid.cents, paid.method).await
}

/// Closes an invoice that will not be paid.
#[handler(event = "OrderCancelled")]
pub(crate) async fn on_order_cancelled(
    cancelled: OrderCancelled,
    State(ledger): State<Ledger>,
    meta: Metadata,
) {
    ledger.cancellation(&meta, cancelled.order);
}

/// Pays money back. A plain function may block: it runs on a thread of its own.
#[handler(event = "RefundRequested")]
pub(crate) fn on_refund_requested(refund: RefundRequested, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.refund(&meta, refund.order, refund.cents);
}

/// Two types of events in one handler, of which it needs nothing but that they came.
#[handler(event = ["InvoicesInspected", "LedgerInspected"])]
pub(crate) async fn on_inspection(State(ledger): State<Ledger>, meta: Metadata) {
    ledger.inspection(&meta);
}
