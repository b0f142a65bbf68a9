//! The books. In memory here; a real service would have them in a database.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use evkafka::Metadata;
use tokio::sync::watch;

/// A handle of the books: a clone of it is the same books.
#[derive(Clone)]
pub(crate) struct Ledger {
    books: Arc<Mutex<Books>>,
    handled: Arc<watch::Sender<usize>>,
}

#[derive(Clone, Default)]
pub(crate) struct Books {
    pub(crate) invoiced_cents: u64,
    pub(crate) paid_cents: u64,
    pub(crate) refunded_cents: u64,
    pub(crate) cancelled: u64,
    pub(crate) retried: u64,
    pub(crate) payments_by_method: BTreeMap<String, u64>,
    pub(crate) events_by_consumer: BTreeMap<String, u64>,
}

#[derive(Debug, thiserror::Error)]
#[error("the ledger is busy with order {0}")]
pub(crate) struct LedgerBusy(u64);

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { books: Arc::default(), handled: Arc::new(watch::Sender::new(0)) }
    }

    pub(crate) fn books(&self) -> Books {
        self.lock().clone()
    }

    /// Completes when so many events have been booked.
    pub(crate) async fn until(&self, events: usize) {
        // The sender is ours, so it does not go away.
        let _ = self.handled.subscribe().wait_for(|handled| *handled >= events).await;
    }

    pub(crate) fn invoice(&self, meta: &Metadata, _order: u64, cents: u64) {
        self.book(meta, |books| books.invoiced_cents += cents);
    }

    /// Refuses the first attempt at each hundredth order, as a busy database might.
    pub(crate) async fn payment(
        &self,
        meta: &Metadata,
        order: u64,
        cents: u64,
        method: &str,
    ) -> Result<(), LedgerBusy> {
        if order.is_multiple_of(100) && meta.attempt == 1 {
            self.lock().retried += 1;
            return Err(LedgerBusy(order));
        }
        self.book(meta, |books| {
            books.paid_cents += cents;
            *books.payments_by_method.entry(method.to_owned()).or_default() += 1;
        });
        Ok(())
    }

    pub(crate) fn cancellation(&self, meta: &Metadata, _order: u64) {
        self.book(meta, |books| books.cancelled += 1);
    }

    pub(crate) fn refund(&self, meta: &Metadata, _order: u64, cents: u64) {
        self.book(meta, |books| books.refunded_cents += cents);
    }

    pub(crate) fn inspection(&self, meta: &Metadata) {
        self.book(meta, |_| ());
    }

    fn book(&self, meta: &Metadata, entry: impl FnOnce(&mut Books)) {
        let mut books = self.lock();
        entry(&mut books);
        *books.events_by_consumer.entry(meta.consumer.to_string()).or_default() += 1;
        drop(books);
        self.handled.send_modify(|handled| *handled += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("nothing panics while it holds the books")
    }
}
