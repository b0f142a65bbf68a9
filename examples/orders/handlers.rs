//! One function per event. Each can be called without evkafka, in a unit test for example.

use evkafka::{Metadata, State, handler};

use crate::{
    events::{CreditGranted, InvoiceRequested, OrderCancelled, OrderCreated, OrderPaid},
    ledger::{Ledger, LedgerError},
    report,
};

/// Which handler takes which event: what `router!` makes of the functions below, for a person to read.
pub(crate) const ROUTES: [(&str, &str); 6] = [
    ("OrderCreated", "on_order_created"),
    ("OrderPaid", "on_order_paid"),
    ("OrderCancelled", "on_order_cancelled"),
    ("InvoiceRequested", "on_invoice_requested"),
    ("CreditGranted", "on_credit_granted"),
    ("DayClosed", "on_day_closed"),
];

/// Opens an account for a new order.
#[handler(event = "OrderCreated")]
pub(crate) async fn on_order_created(
    order: OrderCreated<'_>,
    State(ledger): State<Ledger>,
    metadata: Metadata,
) {
    ledger.order(&order.order, &order.currency, order.total_cents);
    ledger.handled(&metadata.consumer);
}

/// Books a payment. An error makes evkafka try again, and the record's offset waits until it went well.
#[handler(event = "OrderPaid")]
pub(crate) async fn on_order_paid(
    payment: OrderPaid,
    State(ledger): State<Ledger>,
    metadata: Metadata,
) -> Result<(), LedgerError> {
    let paid = ledger.pay(&payment.order, &payment.currency, payment.amount_cents, metadata.attempt).await;
    paid.inspect_err(|error| report::failed(error, &metadata))?;
    if metadata.attempt > 1 {
        report::retried(&payment.order, &metadata);
    }
    ledger.handled(&metadata.consumer);
    Ok(())
}

/// Pays back what a cancelled order had cost.
#[handler(event = "OrderCancelled")]
pub(crate) async fn on_order_cancelled(
    cancelled: OrderCancelled<'_>,
    State(ledger): State<Ledger>,
    metadata: Metadata,
) {
    ledger.refund(&cancelled.currency, cancelled.refund_cents);
    ledger.handled(&metadata.consumer);
}

/// Writes an invoice. A plain `fn` may take its time, or block: it does not run on the runtime's threads.
#[handler(event = "InvoiceRequested")]
pub(crate) fn on_invoice_requested(
    invoice: InvoiceRequested,
    State(ledger): State<Ledger>,
    metadata: Metadata,
) {
    let text = render(&invoice);
    if !text.is_empty() {
        ledger.invoice();
    }
    ledger.handled(&metadata.consumer);
}

/// Notes a credit, an event that only the new cluster has.
#[handler(event = "CreditGranted")]
pub(crate) async fn on_credit_granted(
    credit: CreditGranted<'_>,
    State(ledger): State<Ledger>,
    metadata: Metadata,
) {
    ledger.credit(&credit.currency, credit.credit_cents);
    ledger.handled(&metadata.consumer);
}

/// Says that a partition has come to the end of the day.
#[handler(event = "DayClosed")]
pub(crate) async fn on_day_closed(State(ledger): State<Ledger>, metadata: Metadata) {
    report::day_closed(&metadata);
    ledger.close_day(&metadata.consumer);
}

fn render(invoice: &InvoiceRequested) -> String {
    let InvoiceRequested { order, customer, currency, lines } = invoice;
    let mut text = format!("Invoice for {order}\nto {customer}\n");
    for line in lines {
        let sum = report::cents(line.quantity * line.price_cents);
        text.push_str(&format!("{:>4} {:<16}{sum:>12} {currency}\n", line.quantity, line.sku));
    }
    text
}
