//! Layers and services of tower, around handlers.
//!
//! A call borrows from its record, and tower's requests must not. So the two meet half-way: what is given to the tower service is an owned
//! [`HandlerCall`], whose future waits; the handler runs beside it, in the same task, from when the service calls until it has an answer,
//! or until the service's future is done or drops the call.

mod service;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
};

use tokio::sync::{Mutex, oneshot};
use tower_service::Service;

pub use self::service::{FailedAttempt, HandlerCall, HandlerService};
use super::{Call, Layer, Next};
use crate::handle::{Attempt, BoxError, excused};

/// A layer of tower's, as one of evkafka's (Cargo feature `tower`).
///
/// ```
/// use std::time::Duration;
///
/// use evkafka::{handler, layer::Tower, router};
/// use tower::ServiceBuilder;
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {}
///
/// let limits = ServiceBuilder::new().concurrency_limit(20).timeout(Duration::from_secs(5));
/// let orders = router![on_order_created].layer(Tower::new(limits));
/// # let _ = orders;
/// ```
///
/// The handler runs while the inner service's future does, so a limit counts running handlers, and a timeout drops the handler.
///
/// | what the tower service does | what becomes of the attempt |
/// |---|---|
/// | answers with what the handler ended in | that |
/// | answers with another [`Attempt`], without calling the handler | that |
/// | fails by itself (overloaded, timed out) | it failed, with this error |
/// | answers, or drops the call, while the handler runs | the handler is dropped; a plain `fn` cannot be, and its end counts |
/// | is not ready | the call waits, in the order in which calls come; when it is cancelled, the record is given back |
///
/// An attempt that failed is an error to the tower service, a [`FailedAttempt`], so that a layer that counts failures sees it.
///
/// # What it cannot do
/// - The request is a [`HandlerCall`]: the event's name and the record's metadata, without headers and payload.
/// - A call cannot be cloned, so tower's `retry` and `hedge` do not compile: the failure policy is what makes further attempts.
/// - One limit for several `Tower`s (tower's `GlobalConcurrencyLimitLayer`) may stop one of them: a call that is cancelled while it waits for
///   the limit leaves its place to the service, which has it polled at the next call only. Clones of
///   [`ConcurrencyLimit`](super::ConcurrencyLimit) share a limit.
/// - A layer that is given a [`Clone`] service has one for all calls here, as behind a lock; `poll_ready` is called for one at a time.
///
/// It costs some allocations per call. Where there is a layer of evkafka's for the same purpose, prefer that.
pub struct Tower<S>(Mutex<S>);

impl<S> Tower<S> {
    /// This layer of tower's, such as a `ServiceBuilder`, around the handlers.
    pub fn new<L>(layer: L) -> Self
    where
        L: tower_layer::Layer<HandlerService, Service = S>,
    {
        Self(Mutex::new(layer.layer(HandlerService::new())))
    }
}

impl<S> Layer for Tower<S>
where
    S: Service<HandlerCall, Response = Attempt> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        let (request, calls) = HandlerCall::new(call);
        let mut service = pin!(self.serve(request));
        let answer = tokio::select! {
            biased;
            answered = excused(service.as_mut()) => return ended(answered),
            answer = calls => answer,
            () = call.cancelled() => return Attempt::release(),
        };
        // Dropped without a call: it is about to answer by itself.
        let Ok(answer) = answer else { return ended(service.await) };
        match beside(call, next, service.as_mut(), answer).await {
            Handled::Ended(attempt) => attempt,
            Handled::Answered => ended(service.await),
        }
    }
}

/// What came of a handler that ran beside the service.
enum Handled {
    /// The attempt is over.
    Ended(Attempt),
    /// The service has what the handler ended in, or has dropped the call.
    Answered,
}

/// Runs the handler until it has ended, or the service wants it no more.
async fn beside<E: Into<BoxError>>(
    call: Call<'_>,
    next: impl Next,
    service: impl Future<Output = Result<Attempt, E>>,
    mut answer: oneshot::Sender<Attempt>,
) -> Handled {
    let (handler, service) = (pin!(next.run(call)), pin!(service));
    let can_be_dropped = !call.is_blocking();
    let attempt = tokio::select! {
        biased;
        attempt = handler => attempt,
        answered = service, if can_be_dropped => return Handled::Ended(ended(answered)),
        () = answer.closed(), if can_be_dropped => return Handled::Answered,
    };
    match answer.send(attempt) {
        Ok(()) => Handled::Answered,
        Err(attempt) => Handled::Ended(attempt),
    }
}

impl<S: Service<HandlerCall, Response = Attempt>> Tower<S> {
    /// # Cancel safety
    /// Dropping the future loses the place in the queue.
    async fn serve(&self, request: HandlerCall) -> Result<Attempt, S::Error> {
        let response = {
            let mut service = self.0.lock().await;
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request)
        };
        response.await
    }
}

fn ended<E: Into<BoxError>>(answered: Result<Attempt, E>) -> Attempt {
    match answered {
        Ok(attempt) => attempt,
        Err(error) => match error.into().downcast::<FailedAttempt>() {
            Ok(failed) => failed.0,
            Err(error) => Attempt::failed(error),
        },
    }
}

impl<S> fmt::Debug for Tower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tower").finish_non_exhaustive()
    }
}
