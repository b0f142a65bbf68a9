//! A file that is as old as the last time at which the app was live.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use tokio::sync::oneshot;

use crate::{
    error::{Error, Result},
    health::Health,
    logged::logged,
};

/// How often it is looked whether the app is live.
const INTERVAL: Duration = Duration::from_secs(1);

/// Keeps a file young, on a thread of its own, because a disk may hang. Dropped, it removes it.
pub(super) struct LivenessFile {
    /// Closed when it is dropped.
    ends: mpsc::Sender<()>,
    removed: oneshot::Receiver<()>,
}

impl LivenessFile {
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn keep(path: PathBuf, health: Health) -> Result<Self> {
        touch(&path).map_err(|error| {
            let path = path.display();
            Error::faults(vec![format!("admin: cannot write the liveness file `{path}`: {error}")])
        })?;
        let (ends, ended) = mpsc::channel();
        let (removes, removed) = oneshot::channel();
        let keeps = move || {
            let mut has_failed = false;
            while ended.recv_timeout(INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                let report = health.live();
                let kept = if report.is_ok() { touch(&path) } else { remove(&path) };
                match kept {
                    Ok(()) => has_failed = false,
                    Err(error) if !has_failed => {
                        has_failed = true;
                        let path = path.display();
                        logged(
                            || tracing::error!(target: "evkafka::app", %path, %error, "the liveness file cannot be written"),
                        );
                    }
                    Err(_) => {}
                }
            }
            let _ = remove(&path);
            let _ = removes.send(());
        };
        thread::Builder::new().name("evkafka-live".to_owned()).spawn(keeps).map_err(Error::other)?;
        Ok(Self { ends, removed })
    }

    /// Removes it, and waits until that is done.
    pub(super) async fn remove(self) {
        let Self { ends, removed } = self;
        drop(ends);
        let _ = removed.await;
    }
}

/// A file that is there is not written again: a disk may be full.
fn touch(path: &PathBuf) -> io::Result<()> {
    match File::options().append(true).open(path) {
        Ok(file) => file.set_modified(SystemTime::now()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::write(path, "live\n"),
        Err(error) => Err(error),
    }
}

fn remove(path: &PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
