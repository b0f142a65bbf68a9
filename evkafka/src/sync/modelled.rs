//! loom's means, and what a model of ours needs beside them.
//!
//! loom runs a model's threads in turns on one thread of the system. What is not loom's (tokio's locks, `OnceLock`) is never held
//! while it changes turns, and so does no harm; but loom knows nothing of the order that it brings about.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64 as Counter, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use loom::model::Builder;
pub(crate) use loom::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicI64, AtomicU64},
    },
    thread::spawn,
};

/// How often a thread is interrupted where it need not wait.
const PREEMPTIONS: usize = 3;

/// Checks `model` in all interleavings of its threads in which no more than three times, or `LOOM_MAX_PREEMPTIONS`, a thread is
/// interrupted where it need not wait.
#[expect(clippy::print_stderr, reason = "a model with few of them shows little, which nobody would notice")]
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    let explored = Arc::new(Counter::new(0));
    let counter = Arc::clone(&explored);
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let explored = explored.load(Ordering::Relaxed);
    eprintln!("{}: {explored} interleavings", std::thread::current().name().unwrap_or_default());
    assert!(explored > 10, "the threads do not meet");
}

/// tokio's, with the order among threads that it brings about, said to loom.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    inner: tokio::sync::Notify,
    order: AtomicU64,
}

impl Notify {
    pub(crate) fn notify_one(&self) {
        self.order.fetch_add(1, Ordering::Release);
        self.inner.notify_one();
    }

    pub(crate) async fn notified(&self) {
        self.inner.notified().await;
        self.order.fetch_add(0, Ordering::Acquire);
    }
}

/// Runs a future to its end, in a thread of a model. loom's own clones its waker in a way that changes turns, and tokio clones
/// wakers while it holds a lock.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let wakes = Arc::new(Wakes(loom::sync::Notify::new()));
    let waker = Waker::from(Arc::clone(&wakes));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => wakes.0.wait(),
        }
    }
}

struct Wakes(loom::sync::Notify);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}
