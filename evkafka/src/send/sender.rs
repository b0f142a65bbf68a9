use std::{fmt, marker::PhantomData, sync::Arc};

use serde::Serialize;

use super::{Destination, Extras, OwnHeader, Sending};
use crate::{
    event::{Event, EventSpec},
    handle::{Context, FromContext, RecordIndependent, Requirements},
};

/// Sends events of one type from a handler: an extractor.
///
/// It uses the producer of the app that is for this event; an app without one is refused at its start.
///
/// ```
/// use evkafka::{Event, SendError, Sender, handler};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct OrderPaid {
///     id: u64,
/// }
///
/// #[derive(Serialize, Event)]
/// #[event(topic = "invoices", key = order)]
/// struct InvoiceRequested {
///     order: u64,
/// }
///
/// #[handler(event = "OrderPaid")]
/// async fn on_order_paid(paid: OrderPaid, invoices: Sender<InvoiceRequested>) -> Result<(), SendError> {
///     invoices.send(&InvoiceRequested { order: paid.id }).header("reason", "paid").await?;
///     Ok(())
/// }
/// ```
///
/// What is sent carries the `traceparent`, `tracestate`, `correlation-id` and `causation-id` of the record that is handled, as far as it has
/// them, unless the producer's `forward_trace` is off.
///
/// An event that is sent in this way is sent again when the handler fails afterwards and the record is handled again. Events that a handler
/// *returns* are sent after it has succeeded.
pub struct Sender<E: Event + ?Sized> {
    destination: Destination,
    forwarded: Arc<[OwnHeader]>,
    events: PhantomData<fn(&E)>,
}

impl<E: Event + Serialize + ?Sized> Sender<E> {
    /// Sends an event: nothing happens until the call that this returns is awaited, or [enqueued](Sending::enqueue).
    pub fn send<'s>(&'s self, event: &'s E) -> Sending<'s, E> {
        let extras = Extras { headers: self.forwarded.to_vec(), ..Extras::default() };
        Sending::new(&self.destination.outlet, self.destination.topic, event, extras)
    }
}

/// The app has no producer for an event. An app does not start with such a lack, so it is met only in a context without an app.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the app has no producer for the event `{0}`")]
pub struct MissingProducer(&'static str);

impl<'r, E: Event + ?Sized> FromContext<'r> for Sender<E> {
    type Rejection = MissingProducer;

    fn from_context(context: &Context<'r>) -> Result<Self, MissingProducer> {
        let destination = context.states.outlets().of(EventSpec::of::<E>());
        let destination = destination.ok_or(MissingProducer(E::NAME))?.clone();
        let forwarded = destination.outlet.form.forwarded(context.record.headers()).into();
        Ok(Self { destination, forwarded, events: PhantomData })
    }

    fn requires(requirements: &mut Requirements) {
        requirements.sends::<E>();
    }
}

/// In a batch, it forwards what the first record has.
impl<E: Event + ?Sized> RecordIndependent for Sender<E> {}

impl<E: Event + ?Sized> Clone for Sender<E> {
    fn clone(&self) -> Self {
        let (destination, forwarded) = (self.destination.clone(), Arc::clone(&self.forwarded));
        Self { destination, forwarded, events: PhantomData }
    }
}

impl<E: Event + ?Sized> fmt::Debug for Sender<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("event", &E::NAME).finish_non_exhaustive()
    }
}
