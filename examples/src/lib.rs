//! What the examples share: a log that stays out of the way, colour, and a deadline.

use std::{
    env,
    future::Future,
    io::{self, IsTerminal},
    time::Duration,
};

use evkafka::{Error, Result};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Writes warnings and errors to stderr, or what `RUST_LOG` asks for.
pub fn log() {
    log_to(io::stderr);
}

/// The same, by way of a writer that writes to stderr in the end.
pub fn log_to(stderr: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .compact()
        .without_time()
        .with_target(false)
        .with_ansi(takes_colour(&io::stderr()))
        .with_env_filter(filter)
        .with_writer(stderr)
        .init();
}

/// Whether colour is welcome there: at a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
pub fn takes_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
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
