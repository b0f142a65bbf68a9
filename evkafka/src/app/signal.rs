//! The signals that end an app.

use std::thread;

use tokio::runtime::Builder;

use crate::error::{Error, Result};

#[cfg(unix)]
mod os {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// Listens for SIGINT and SIGTERM.
    pub(super) struct Signals {
        interrupt: Signal,
        terminate: Signal,
    }

    impl Signals {
        pub(super) fn listen() -> std::io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }

        /// Waits for the next; the exit status of a process that it ends.
        pub(super) async fn next(&mut self) -> i32 {
            let kind = tokio::select! {
                _ = self.interrupt.recv() => SignalKind::interrupt(),
                _ = self.terminate.recv() => SignalKind::terminate(),
            };
            128 + kind.as_raw_value()
        }
    }
}

#[cfg(not(unix))]
mod os {
    /// Listens for Ctrl-C.
    pub(super) struct Signals;

    impl Signals {
        pub(super) fn listen() -> std::io::Result<Self> {
            Ok(Self)
        }

        /// Waits for the next; the exit status of a process that it ends.
        pub(super) async fn next(&mut self) -> i32 {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            130
        }
    }
}

use os::Signals;

/// Completes at the first signal that asks the process to end. From then on the next ends it at once, also after the app has
/// returned: what `main` still does may hang.
pub(super) fn shutdown() -> Result<impl Future<Output = ()>> {
    let mut signals = Signals::listen().map_err(Error::other)?;
    Ok(async move {
        signals.next().await;
        if let Err(error) = end_at_next(signals) {
            tracing::warn!(%error, "a second signal will not end the process at once");
        }
    })
}

/// Has a thread of its own end the process at the next signal: the app's runtime may be blocked, or gone.
fn end_at_next(mut signals: Signals) -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("evkafka-signals".to_owned()).spawn(move || {
        let status = runtime.block_on(signals.next());
        tracing::warn!("a second signal: ending at once");
        std::process::exit(status);
    })?;
    Ok(())
}
