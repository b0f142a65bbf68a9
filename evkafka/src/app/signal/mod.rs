//! The signals that end an app, and the time that it has to end in.
//!
//! All of it is on a thread of its own, because a handler may block the app's runtime: the first signal has the consumers drain, the
//! second ends the process, and so does the end of the app's time if the runtime has not noticed it. The thread is there from
//! the first [`Watch`] on and sleeps while there is none; the signals are ours only while there is one.

#[cfg(not(unix))]
mod other;

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

#[cfg(not(unix))]
use self::other as os;
use super::consumers::Drain;
use crate::error::{Error, Result};
#[cfg(unix)]
use crate::native::signals as os;

/// Signals that are closer together than this are one: a wrapper may pass on what the terminal has sent to the whole group.
const ONE: Duration = Duration::from_millis(500);
/// How long after its time a process is ended whose runtime does not do it: so long a runtime that is busy may take to say so.
const MARGIN: Duration = Duration::from_secs(2);
/// How long the last words of a process may take, which are written by a thread of their own: whoever hangs may hold the output.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Takes the signals for an app for as long as it exists.
pub(super) struct Watch(Arc<Run>);

/// An app that runs.
#[derive(Default)]
struct Run {
    stop: CancellationToken,
    /// There once it has consumers.
    drain: OnceLock<Arc<Drain>>,
}

/// What all apps of the process have in common.
struct Watched {
    runs: Vec<Arc<Run>>,
    has_thread: bool,
    /// There while there are runs.
    signals: Option<os::Signals>,
    count: Count,
    /// A signal has come, and no app has ended because of it.
    unanswered: Option<i32>,
}

static WATCHED: Mutex<Watched> = Mutex::new(Watched {
    runs: Vec::new(),
    has_thread: false,
    signals: None,
    count: Count(None),
    unanswered: None,
});

fn watched() -> MutexGuard<'static, Watched> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Takes the signals.
    ///
    /// # Errors
    /// If the operating system gives no pipe or no thread.
    pub(super) fn begin() -> Result<Self> {
        let mut watched = watched();
        if watched.signals.is_none() {
            watched.signals = Some(os::Signals::take().map_err(Error::other)?);
            watched.count = Count(None);
            watched.unanswered = None;
        }
        let run = Arc::new(Run::default());
        watched.runs.push(Arc::clone(&run));
        let watch = Self(run);
        if !watched.has_thread {
            let thread = thread::Builder::new().name("evkafka-signals".to_owned());
            if let Err(error) = thread.spawn(serve) {
                // `watch` needs the lock to be dropped.
                drop(watched);
                return Err(Error::other(error));
            }
            watched.has_thread = true;
        }
        Ok(watch)
    }

    /// Completes at the first signal.
    pub(super) async fn stopped(&self) {
        self.0.stop.cancelled().await;
        watched().unanswered = None;
    }

    /// From now on, the first signal has the app's consumers drain, whether its runtime notices it or not.
    pub(super) fn arm(&self, drain: &Arc<Drain>) {
        let _watched = watched();
        let drain = self.0.drain.get_or_init(|| Arc::clone(drain));
        if self.0.stop.is_cancelled() {
            drain.begin();
        }
    }

    /// The consumers drain: the time that the app has for it counts.
    #[allow(clippy::unused_self, reason = "only who has a watch is watched")]
    pub(super) fn drains(&self) {
        os::wake();
    }
}

/// An app drains that was told to on any thread: the time that it has for it counts, if it is watched.
pub(super) fn look_again() {
    if !watched().runs.is_empty() {
        os::wake();
    }
}

/// Gives the signals back. One that no app has ended by does now what it does by default, as if we had never been there.
impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = watched();
        watched.runs.retain(|run| !Arc::ptr_eq(run, &self.0));
        if watched.runs.is_empty() {
            watched.signals = None;
            while let Some(arrived) = os::next_arrived() {
                if watched.note(arrived) == Meaning::Second {
                    watched.unanswered = Some(arrived.signal);
                }
            }
            let unanswered = watched.unanswered.take();
            drop(watched);
            if let Some(signal) = unanswered {
                os::do_the_default(signal);
            }
        }
    }
}

/// What the thread does.
fn serve() {
    loop {
        let due = watched().due();
        os::wait(due.map(|due| due.saturating_duration_since(Instant::now())));
        let mut watched = watched();
        if watched.runs.is_empty() {
            continue;
        }
        while let Some(arrived) = os::next_arrived() {
            match watched.note(arrived) {
                Meaning::First => watched.stop_all(),
                Meaning::Same => {}
                Meaning::Second => end_process(128 + arrived.signal, || {
                    tracing::warn!(target: "evkafka::app", "a second signal: the process ends at once");
                }),
            }
        }
        if watched.due().is_some_and(|due| due <= Instant::now()) {
            end_process(1, || {
                const MESSAGE: &str = "the app did not shut down within its `shutdown_timeout`, probably because a handler blocks \
                                       the runtime's threads: the process ends. What handlers have finished is committed, as far \
                                       as the cluster answered; the rest will be handled again";
                if tracing::dispatcher::has_been_set() {
                    tracing::error!(target: "evkafka::app", "{MESSAGE}");
                } else {
                    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{MESSAGE}\n"));
                }
            });
        }
    }
}

impl Watched {
    /// When the process has to be ended.
    fn due(&self) -> Option<Instant> {
        let plans = self.runs.iter().filter_map(|run| run.drain.get()?.plan());
        plans.map(|plan| plan.end_at + MARGIN).min()
    }

    fn note(&mut self, arrived: os::Arrived) -> Meaning {
        let meaning = self.count.note(arrived.at);
        if meaning == Meaning::First {
            self.unanswered = Some(arrived.signal);
        }
        meaning
    }

    fn stop_all(&self) {
        for run in &self.runs {
            run.stop.cancel();
            if let Some(drain) = run.drain.get() {
                drain.begin();
            }
        }
    }
}

/// When the last signal came that counts.
struct Count(Option<Duration>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    First,
    /// It belongs to the one before it.
    Same,
    Second,
}

impl Count {
    fn note(&mut self, at: Duration) -> Meaning {
        match self.0 {
            Some(before) if at.saturating_sub(before) < ONE => Meaning::Same,
            Some(_) => Meaning::Second,
            None => {
                self.0 = Some(at);
                Meaning::First
            }
        }
    }
}

fn end_process(status: i32, last_words: impl FnOnce() + Send + 'static) -> ! {
    let (said, is_said) = mpsc::channel::<()>();
    let thread = thread::Builder::new().spawn(move || {
        last_words();
        drop(said);
    });
    if thread.is_ok() {
        let _ = is_said.recv_timeout(LAST_WORDS);
    }
    os::exit_at_once(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_are_close_together_are_one_and_the_next_is_the_second() {
        let mut count = Count(None);
        let meanings = [1000, 1001, 1499, 1500].map(|at| count.note(Duration::from_millis(at)));
        assert_eq!(meanings, [Meaning::First, Meaning::Same, Meaning::Same, Meaning::Second]);
    }
}
