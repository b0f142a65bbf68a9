use std::fmt;

use crate::{
    CancellationToken, Headers, Metadata,
    handle::{Context, FromContext},
};

/// A call of a handler, as a [`Layer`](super::Layer) sees it. It is one pointer, and can be copied.
///
/// A batch is one call. What is said of a record is said of its first one then; [`records`](Self::records) has all of them.
#[derive(Clone, Copy)]
pub struct Call<'c>(&'c Context<'c>);

impl<'c> Call<'c> {
    /// The event type; `None` if the record has none, or one that is not UTF-8. Only a fallback handler is called then.
    pub fn event(self) -> Option<&'c str> {
        self.0.event_type().and_then(|name| str::from_utf8(name).ok())
    }

    /// Consumer, topic, partition, offset, timestamp and attempt.
    pub fn metadata(self) -> Metadata {
        let Ok(metadata) = Metadata::from_context(self.0);
        metadata
    }

    /// The record's headers.
    pub fn headers(self) -> Headers<'c> {
        self.0.record().headers()
    }

    /// Which attempt it is: 1 for the first.
    pub fn attempt(self) -> u32 {
        self.0.attempt()
    }

    /// The app's state of type `T`, if it has one.
    pub fn state<T: Send + Sync + 'static>(self) -> Option<&'c T> {
        self.0.state()
    }

    /// Cancelled when the handler has to finish: its partition was revoked, or the app's time to shut down is nearly over. Each call of
    /// this gives a token of its own.
    ///
    /// A layer that waits before it calls the handler gives up waiting then, and returns
    /// [`Attempt::release`](crate::handle::Attempt::release).
    pub fn cancellation(self) -> CancellationToken {
        self.0.cancellation()
    }

    /// The records that the handler is called with: those of the batch, or the only one.
    pub fn records(self) -> &'c [Context<'c>] {
        if self.0.batch.is_empty() { std::slice::from_ref(self.0) } else { self.0.batch }
    }

    /// Whether the handler takes many records at a time.
    pub fn is_batch(self) -> bool {
        !self.0.batch.is_empty()
    }

    /// Whether the handler is a plain `fn`, which runs to its end even if the future of [`Next::run`](super::Next::run) is dropped.
    pub fn is_blocking(self) -> bool {
        self.0.thread.is_some()
    }

    /// All that extractors draw from, of the first record.
    pub fn context(self) -> &'c Context<'c> {
        self.0
    }

    /// Waits until the handler is told to finish.
    pub(super) async fn cancelled(self) {
        self.0.cancellation.cancelled().await;
    }
}

impl<'c> From<&'c Context<'c>> for Call<'c> {
    #[inline]
    fn from(context: &'c Context<'c>) -> Self {
        Self(context)
    }
}

/// Without values: a payload may be personal data.
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("context", self.0).field("records", &self.records().len()).finish()
    }
}
