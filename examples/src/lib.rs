//! What the examples share: a log that stays out of the way, and a deadline.

use std::{future::Future, time::Duration};

use evkafka::{Error, Result};
use tracing_subscriber::EnvFilter;

/// Writes warnings and errors to stderr, or what `RUST_LOG` asks for.
pub fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .compact()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// Waits for something that has to happen, and for no longer than the limit.
///
/// # Errors
/// If it did not happen in time.
pub async fn within<T>(limit: Duration, what: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, what)
        .await
        .unwrap_or_else(|_| Err(Error::other(format!("not done within {limit:?}"))))
}

/// An error unless this is so.
///
/// # Errors
/// If it is not.
pub fn expect(holds: bool, otherwise: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::other(otherwise)) }
}
