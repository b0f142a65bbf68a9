//! Ctrl-C where there are no signals, by way of tokio: Windows keeps its handler once it is there.

use std::{
    io,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Builder;

/// What there is to look at.
#[derive(Default)]
struct Inbox {
    is_listening: bool,
    is_woken: bool,
    arrived: Option<Arrived>,
}

static INBOX: Mutex<Inbox> = Mutex::new(Inbox { is_listening: false, is_woken: false, arrived: None });
static CHANGED: Condvar = Condvar::new();

fn inbox() -> MutexGuard<'static, Inbox> {
    INBOX.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) signal: i32,
    /// When, since some time that is the same for all of them.
    pub(super) at: Duration,
}

/// Ctrl-C is noted until this is dropped. After that it ends the process, as it does by default.
pub(super) struct Signals(());

const CTRL_C: i32 = 2;

impl Signals {
    pub(super) fn take() -> io::Result<Self> {
        static HAS_THREAD: Mutex<bool> = Mutex::new(false);
        let mut has_thread = HAS_THREAD.lock().unwrap_or_else(PoisonError::into_inner);
        if !*has_thread {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            thread::Builder::new().name("evkafka-ctrl-c".to_owned()).spawn(move || {
                while runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                    noted();
                }
            })?;
            *has_thread = true;
        }
        let mut inbox = inbox();
        inbox.is_listening = true;
        inbox.arrived = None;
        Ok(Self(()))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        inbox().is_listening = false;
    }
}

fn noted() {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let at = ORIGIN.get_or_init(Instant::now).elapsed();
    let mut inbox = inbox();
    if !inbox.is_listening {
        exit_at_once(128 + CTRL_C);
    }
    inbox.arrived = Some(Arrived { signal: CTRL_C, at });
    drop(inbox);
    wake();
}

pub(super) fn wake() {
    inbox().is_woken = true;
    CHANGED.notify_all();
}

pub(super) fn wait(most: Option<Duration>) {
    let most = most.unwrap_or(Duration::from_secs(3600));
    let waited = CHANGED.wait_timeout_while(inbox(), most, |inbox| !inbox.is_woken);
    waited.unwrap_or_else(PoisonError::into_inner).0.is_woken = false;
}

pub(super) fn next_arrived() -> Option<Arrived> {
    inbox().arrived.take()
}

pub(super) fn do_the_default(signal: i32) {
    exit_at_once(128 + signal);
}

pub(super) fn exit_at_once(status: i32) -> ! {
    std::process::exit(status)
}
