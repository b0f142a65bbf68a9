//! The state of the service: what was billed, by currency, and how far each consumer is.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::options::Mode;

/// The books. Handlers take it as `State<Ledger>`; a clone is another handle of the same books.
///
/// They are kept in memory. A real ledger would note the event's key with the entry, because a record may be handled
/// again after a crash.
#[derive(Clone)]
pub(crate) struct Ledger(Arc<Shared>);

struct Shared {
    /// The order whose first payment does not go through, to show a retry.
    flaky: Option<&'static str>,
    books: Mutex<Books>,
    progress: watch::Sender<Progress>,
}

/// How far it has come.
#[derive(Default)]
pub(crate) struct Progress {
    /// How many events each consumer has handled.
    pub(crate) handled: BTreeMap<Arc<str>, u64>,
    /// In how many partitions the day is over.
    pub(crate) closed: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Books {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) invoices: u64,
    pub(crate) retries: u64,
    open: HashSet<String>,
}

/// The totals of one currency, in cents.
#[derive(Clone, Copy, Default)]
pub(crate) struct Account {
    pub(crate) ordered: i64,
    pub(crate) paid: i64,
    pub(crate) refunded: i64,
    pub(crate) credited: i64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("the bank does not answer for {order}")]
    BankIsBusy { order: String },
    #[error("{order} is paid, but was never ordered")]
    UnknownOrder { order: String },
}

impl Ledger {
    pub(crate) fn new(mode: &Mode) -> Self {
        let flaky = matches!(mode, Mode::Demo).then_some("order-1042");
        Self(Arc::new(Shared { flaky, books: Mutex::default(), progress: watch::Sender::default() }))
    }

    pub(crate) fn order(&self, order: &str, currency: &str, cents: i64) {
        let mut books = self.lock();
        books.open.insert(order.to_owned());
        books.account(currency).ordered += cents;
    }

    /// Takes a payment.
    ///
    /// # Errors
    /// If the bank cannot be asked just now, or the order is unknown.
    pub(crate) async fn pay(
        &self,
        order: &str,
        currency: &str,
        cents: i64,
        attempt: u32,
    ) -> Result<(), LedgerError> {
        // Stands for the call of another service.
        tokio::task::yield_now().await;
        if attempt == 1 && self.0.flaky == Some(order) {
            self.lock().retries += 1;
            return Err(LedgerError::BankIsBusy { order: order.to_owned() });
        }
        let mut books = self.lock();
        if !books.open.contains(order) {
            return Err(LedgerError::UnknownOrder { order: order.to_owned() });
        }
        books.account(currency).paid += cents;
        Ok(())
    }

    pub(crate) fn refund(&self, currency: &str, cents: i64) {
        self.lock().account(currency).refunded += cents;
    }

    pub(crate) fn credit(&self, currency: &str, cents: i64) {
        self.lock().account(currency).credited += cents;
    }

    pub(crate) fn invoice(&self) {
        self.lock().invoices += 1;
    }

    /// Notes that a consumer has handled an event.
    pub(crate) fn handled(&self, consumer: &Arc<str>) {
        self.0.progress.send_modify(|progress| progress.count(consumer));
    }

    /// Notes that a consumer has come to the end of the day in one of its partitions.
    pub(crate) fn close_day(&self, consumer: &Arc<str>) {
        self.0.progress.send_modify(|progress| {
            progress.count(consumer);
            progress.closed += 1;
        });
    }

    /// How far it has come; it can be waited for.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.0.progress.subscribe()
    }

    pub(crate) fn books(&self) -> Books {
        self.lock().clone()
    }

    /// The books are consistent after each statement, so a panic elsewhere has not spoilt them.
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn count(&mut self, consumer: &Arc<str>) {
        *self.handled.entry(Arc::clone(consumer)).or_default() += 1;
    }
}

impl Books {
    fn account(&mut self, currency: &str) -> &mut Account {
        self.accounts.entry(currency.to_owned()).or_default()
    }
}
