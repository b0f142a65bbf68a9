use std::convert::Infallible;

use tokio_util::sync;

use crate::handle::{Context, FromContext, RecordIndependent};

/// Tells a long handler to finish; see [`Context::cancellation`].
///
/// ```
/// use evkafka::{CancellationToken, Outcome, handler};
///
/// # async fn import() {}
/// #[handler(event = "ImportRequested")]
/// async fn on_import_requested(token: CancellationToken) -> Outcome {
///     tokio::select! {
///         () = import() => Outcome::Done,
///         () = token.cancelled() => Outcome::Release,
///     }
/// }
/// ```
///
/// Clones are the same token: cancelling one cancels all of them.
#[derive(Clone, Debug, Default)]
pub struct CancellationToken(sync::CancellationToken);

impl CancellationToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn of(token: sync::CancellationToken) -> Self {
        Self(token)
    }

    pub(crate) fn inner(&self) -> &sync::CancellationToken {
        &self.0
    }

    /// Cancels the token, its clones and its children. It stays cancelled.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is cancelled.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }

    /// [`cancelled`](Self::cancelled) for a future that outlives this token: that of a spawned task, or of a stream.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn cancelled_owned(self) {
        self.0.cancelled_owned().await;
    }

    /// A token that is cancelled with this one, and can be cancelled without it.
    pub fn child_token(&self) -> Self {
        Self(self.0.child_token())
    }
}

impl<'r> FromContext<'r> for CancellationToken {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Infallible> {
        Ok(context.cancellation())
    }
}

impl RecordIndependent for CancellationToken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_cancelled_with_its_parent_and_not_the_other_way_round() {
        let parent = CancellationToken::new();
        let (first, second) = (parent.child_token(), parent.child_token());
        first.cancel();
        first.cancelled().await;
        assert!(!parent.is_cancelled() && !second.is_cancelled());
        parent.clone().cancel();
        second.clone().cancelled_owned().await;
        assert!(parent.is_cancelled() && second.is_cancelled());
    }
}
