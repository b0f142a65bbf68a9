use super::Attempt;

/// Runs a plain function on tokio's blocking pool, where it may block without holding up the runtime.
///
/// # Cancel safety
/// A function that has begun cannot be interrupted: dropping the future leaves it running to its end.
#[doc(hidden)]
pub async fn call_blocking(call: impl FnOnce() -> Attempt + Send + 'static) -> Attempt {
    match tokio::task::spawn_blocking(call).await {
        Ok(attempt) => attempt,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => Attempt::Panicked(super::panic::message(&*payload)),
            Err(error) => Attempt::Failed(Box::new(error)),
        },
    }
}
