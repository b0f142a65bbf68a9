//! Log lines whose loss nobody has to notice.
//!
//! A subscriber and its layers are the user's, and run on the thread that writes the line: while deliveries are told, on the thread that
//! keeps a group alive, with a lock held. One that panics must not take more with it than its line.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Writes a log line. A panic of the subscriber is reported by the panic's own message, and ends here.
pub(crate) fn logged(write: impl FnOnce()) {
    // Unwind safety: what is logged is only read, and what a panic breaks in a subscriber is the subscriber's to guard.
    let _ = catch_unwind(AssertUnwindSafe(write));
}

/// A subscriber that panics at each line.
#[cfg(test)]
pub(crate) struct Panics(std::sync::mpsc::Sender<()>);

#[cfg(test)]
impl Panics {
    /// It, and where to wait for its panics.
    pub(crate) fn new() -> (Self, std::sync::mpsc::Receiver<()>) {
        let (lines, panics) = std::sync::mpsc::channel();
        (Self(lines), panics)
    }
}

#[cfg(test)]
impl tracing::Subscriber for Panics {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        let _ = self.0.send(());
        panic!("the subscriber panics");
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_subscriber_that_panics_loses_its_line_and_nothing_else() {
        let (subscriber, panics) = Panics::new();
        tracing::subscriber::with_default(subscriber, || {
            assert!(catch_unwind(|| tracing::error!("nobody guards this")).is_err());
            logged(|| tracing::error!("lost"));
        });
        assert_eq!(panics.try_iter().count(), 2);
    }
}
