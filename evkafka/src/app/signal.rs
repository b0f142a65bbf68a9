//! The signals that end an app.

use crate::error::{Error, Result};

/// Completes at the first signal that asks the process to end. From then on the second ends it at once.
#[cfg(unix)]
pub(super) fn shutdown() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind: SignalKind| signal(kind).map_err(Error::other);
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        let mut next = async move || {
            tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
            }
        };
        next().await;
        tokio::spawn(async move {
            let signal = next().await;
            tracing::warn!("a second signal: ending at once");
            std::process::exit(128 + signal.as_raw_value());
        });
    })
}

/// Completes at Ctrl-C. From then on the second ends the process at once.
#[cfg(not(unix))]
pub(super) fn shutdown() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        tokio::spawn(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                tracing::warn!("a second signal: ending at once");
                std::process::exit(130);
            }
        });
    })
}
