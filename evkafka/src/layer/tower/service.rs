use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot;
use tower_service::Service;

use super::Call;
use crate::{
    Metadata, Outcome,
    handle::{Attempt, BoxError},
};

/// A call of a handler, as a request of tower's: what is known of it without its record.
#[derive(Debug)]
pub struct HandlerCall {
    event: Option<Box<str>>,
    metadata: Metadata,
    records: usize,
    /// Is told that the handler is to be called, and where its end is awaited.
    begins: oneshot::Sender<oneshot::Sender<Attempt>>,
}

impl HandlerCall {
    /// A call, and what hears of it when the service makes it.
    pub(super) fn new(call: Call<'_>) -> (Self, oneshot::Receiver<oneshot::Sender<Attempt>>) {
        let (begins, calls) = oneshot::channel();
        let event = call.event().map(Box::from);
        (Self { event, metadata: call.metadata(), records: call.records().len(), begins }, calls)
    }

    /// The event type; `None` if the record has none, or one that is not UTF-8.
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// Consumer, topic, partition, offset, timestamp and attempt; of a batch, those of its first record.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// How many records the handler is called with.
    pub fn records(&self) -> usize {
        self.records
    }
}

/// What layers of tower's are around: it calls the handler.
#[derive(Clone, Debug)]
pub struct HandlerService(());

impl HandlerService {
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl Service<HandlerCall> for HandlerService {
    type Response = Attempt;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Attempt, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: HandlerCall) -> Self::Future {
        Box::pin(async {
            let (answer, answered) = oneshot::channel();
            // Nobody listens once the call was cancelled; then nobody answers either.
            let _ = call.begins.send(answer);
            match answered.await {
                Ok(attempt) if is_failed(&attempt) => Err(FailedAttempt(attempt).into()),
                Ok(attempt) => Ok(attempt),
                Err(_) => Err("the handler was dropped".into()),
            }
        })
    }
}

fn is_failed(attempt: &Attempt) -> bool {
    match attempt {
        Attempt::Returned(outcome) => matches!(outcome, Outcome::Reject(_)),
        Attempt::Sends(_) => false,
        Attempt::Failed(_)
        | Attempt::Panicked(_)
        | Attempt::TimedOut(_)
        | Attempt::Undecodable(_)
        | Attempt::UndecodableAmong(_) => true,
    }
}

/// An attempt that failed, as an error of a tower service. If the service returns it, [`Tower`](super::Tower) returns that attempt unchanged.
#[derive(Debug)]
pub struct FailedAttempt(pub(super) Attempt);

impl FailedAttempt {
    /// How it ended.
    pub fn attempt(&self) -> &Attempt {
        &self.0
    }
}

impl fmt::Display for FailedAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Attempt::Panicked(_) => "the handler panicked",
            Attempt::TimedOut(_) => "the handler timed out",
            Attempt::Undecodable(_) | Attempt::UndecodableAmong(_) => "the record cannot be decoded",
            Attempt::Returned(_) | Attempt::Sends(_) | Attempt::Failed(_) => "the handler failed",
        })
    }
}

impl Error for FailedAttempt {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Attempt::Failed(error)
            | Attempt::Undecodable(error)
            | Attempt::Returned(Outcome::Reject(error)) => Some(&**error),
            _ => None,
        }
    }
}
