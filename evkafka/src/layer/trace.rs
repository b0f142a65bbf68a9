use tracing::Instrument;

use super::{Call, Layer, Next};
use crate::handle::Attempt;

/// Runs each call in a [`tracing`] span, so that the log lines of handlers say which record they are about.
///
/// The span is called `handle`, has the level `INFO` and the target `evkafka::handle`, and the fields `consumer`, `topic`, `partition`,
/// `offset`, `event`, `attempt`, and `records` for a batch, whose offset is that of its first record. A plain `fn` is in it too. Layers
/// around it are not: list it first.
///
/// It is the cost of a span for each record, some 1.4 µs with `tracing-subscriber`'s format layer, whether the handler logs anything or not
/// (`docs/logs.md`).
///
/// ```
/// use evkafka::{App, ConsumerConfig, handler, layer::Trace, router};
///
/// #[handler(event = "OrderCreated")]
/// async fn on_order_created() {
///     // INFO handle{consumer="orders" topic=orders partition=0 offset=7 event="OrderCreated" attempt=1}: stored
///     tracing::info!("stored");
/// }
///
/// let app = App::new("billing").layer(Trace::new()).consumer(
///     "orders",
///     ConsumerConfig::new(["orders"]).group_id("billing"),
///     router![on_order_created],
/// );
/// # let _ = app;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Trace(());

impl Trace {
    /// The layer.
    pub fn new() -> Self {
        Self(())
    }
}

impl Layer for Trace {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        let context = call.context();
        let (record, origin) = (context.record(), context.record().origin());
        let span = tracing::info_span!(
            target: "evkafka::handle",
            "handle",
            consumer = %origin.consumer,
            topic = %origin.topic,
            partition = origin.partition,
            offset = record.offset(),
            event = context.event_name(),
            attempt = context.attempt(),
            records = call.is_batch().then(|| call.records().len()),
        );
        next.run(call).instrument(span).await
    }
}
