//! Threads for plain functions, which may block.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::DropGuard;

use super::{Attempt, Context};
use crate::traces::Surroundings;

/// How many plain functions of one consumer may run at a time, each on a thread: as many as tokio's own pool has threads.
pub(crate) const MOST_THREADS: usize = 512;

/// The threads of one consumer's plain functions. A function that gets none waits, and holds up no other consumer.
#[derive(Debug)]
pub(crate) struct BlockingThreads {
    free: Arc<Semaphore>,
    pool: Pool,
    warned_at: Mutex<Option<Instant>>,
}

/// A thread that one call of a plain function may use. It is free again when that function has returned, or was never called.
#[derive(Debug)]
pub(crate) struct ReservedThread(Mutex<Option<Reservation>>, Pool);

/// Dropped when the function has returned, or was never called.
#[derive(Debug)]
struct Reservation {
    _thread: OwnedSemaphorePermit,
    /// By which others see that the function is at work.
    _at_work: Arc<DropGuard>,
}

/// Whose threads they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pool {
    /// evkafka's own.
    Own,
    /// Those of the runtime that the lanes run on.
    #[cfg(feature = "testing")]
    Callers,
}

/// How often it may be said that no thread is free.
const WARNS_EVERY: Duration = Duration::from_secs(300);

impl BlockingThreads {
    pub(crate) fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), pool: Pool::Own, warned_at: Mutex::new(None) }
    }

    /// On threads of the caller's runtime: as long as one of them is at work, its clock stands still if it is paused.
    #[cfg(feature = "testing")]
    pub(crate) fn under_the_callers_clock(self) -> Self {
        Self { pool: Pool::Callers, ..self }
    }

    /// Waits until a thread is free, and reserves it. `at_work` is dropped when the function has returned.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue of those who wait.
    pub(crate) async fn reserve_for(&self, at_work: Arc<DropGuard>) -> ReservedThread {
        let thread = Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed");
        ReservedThread(Mutex::new(Some(Reservation { _thread: thread, _at_work: at_work })), self.pool)
    }

    /// The same for a function that nobody watches.
    #[cfg(test)]
    pub(crate) async fn reserve(&self) -> ReservedThread {
        let nobody = tokio_util::sync::CancellationToken::new().drop_guard();
        self.reserve_for(Arc::new(nobody)).await
    }

    /// Whether it is to be logged that no thread is free: once, and then rarely.
    pub(crate) fn may_warn(&self, now: Instant) -> bool {
        let mut warned_at = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        let may_warn = warned_at.is_none_or(|before| now.saturating_duration_since(before) >= WARNS_EVERY);
        if may_warn {
            *warned_at = Some(now);
        }
        may_warn
    }
}

impl ReservedThread {
    fn take(&self) -> Option<Reservation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A tokio runtime of which only the blocking pool is used, and which is never dropped.
///
/// The pool of the app's own runtime would not do: that runtime waits in its destructor until the last function has returned,
/// however long that takes, so that one that hangs would keep the process alive after [`App::run`](crate::App::run) has
/// returned.
fn pool() -> &'static Handle {
    static POOL: OnceLock<Runtime> = OnceLock::new();
    let runtime = POOL.get_or_init(|| {
        // Of one thread, which nobody drives: it starts no thread and opens no file. How many threads the pool has is limited for
        // each consumer ([`BlockingThreads`]): a limit for all would have one that hangs hold up the others.
        let mut builder = Builder::new_current_thread();
        let runtime = builder.thread_name("evkafka-blocking").max_blocking_threads(usize::MAX).build();
        runtime.expect("a runtime without drivers has nothing that could fail")
    });
    runtime.handle()
}

/// A function that has not begun. Whoever takes it has it: it begins, or is called off and dropped, and never both.
struct Queued<F>(Arc<Mutex<Option<F>>>);

impl<F> Queued<F> {
    fn take(&self) -> Option<F> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Calls the function off when the future that waits for it is dropped.
impl<F> Drop for Queued<F> {
    fn drop(&mut self) {
        // Dropped outside of the lock: its arguments are the user's.
        let called_off = self.take();
        drop(called_off);
    }
}

/// Runs a plain function on a thread where it may block without holding up the runtime. The runtime of the caller is entered,
/// so that the function can spawn tasks on it or block on its futures.
///
/// # Cancel safety
/// Dropping the future calls the function off if it has not begun. One that has begun cannot be interrupted, and runs to its end.
#[doc(hidden)]
pub async fn call_blocking(
    context: &Context<'_>,
    call: impl FnOnce() -> Attempt + Send + 'static,
) -> Attempt {
    let caller = Handle::current();
    let pool = match context.thread.map_or(Pool::Own, |ReservedThread(_, pool)| *pool) {
        Pool::Own => pool().clone(),
        #[cfg(feature = "testing")]
        Pool::Callers => caller.clone(),
    };
    let thread = context.thread.and_then(ReservedThread::take);
    // What a function logs on its thread belongs to its caller's span.
    let span = tracing::Span::current();
    let surroundings = Surroundings::here();
    let call = move || {
        let _entered = caller.enter();
        let _surrounded = surroundings.enter();
        let _in_span = span.enter();
        // Free only when the function has returned, whether anybody still waits for it or not.
        let _thread = thread;
        call()
    };
    let waiting = Queued(Arc::new(Mutex::new(Some(call))));
    let queued = Queued(Arc::clone(&waiting.0));
    match pool.spawn_blocking(move || queued.take().map(|call| call())).await {
        Ok(attempt) => attempt.expect("only a future that was dropped calls its function off"),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => Attempt::Panicked(super::panic::message(&*payload)),
            Err(error) => Attempt::Failed(Box::new(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        event_type::EventIdentity,
        handle::{Outcome, States},
        record::OwnedRecord,
    };

    /// Calls a plain function as a handler's expansion does, on this thread if there is one.
    async fn call(
        thread: Option<&ReservedThread>,
        call: impl FnOnce() -> Attempt + Send + 'static,
    ) -> Attempt {
        let (record, states) = (OwnedRecord::new("orders", 0, 0), States::default());
        let context = Context {
            record: record.as_record(),
            event: &EventIdentity::default(),
            payload: None,
            states: &states,
            cancellation: &CancellationToken::new(),
            attempt: 1,
            thread,
            batch: &[],
        };
        call_blocking(&context, call).await
    }

    #[test]
    fn a_function_is_within_the_runtime_of_its_caller() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let attempt = runtime.block_on(call(None, || {
            let answer = Handle::current().block_on(async {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                tokio::spawn(async { 42 }).await
            });
            assert_eq!(answer.unwrap(), 42);
            Attempt::Returned(Outcome::Done)
        }));
        assert!(matches!(attempt, Attempt::Returned(Outcome::Done)), "{attempt:?}");
    }

    #[test]
    fn a_function_begins_or_is_called_off_and_never_both() {
        for _ in 0..1000 {
            let (begun, has_begun) = mpsc::channel();
            let function = Arc::new(Mutex::new(Some(move || begun.send(()).unwrap())));
            let (pools, callers) = (Queued(Arc::clone(&function)), Queued(function));
            let pool = std::thread::spawn(move || pools.take().map(|function| function()).is_some());
            let called_off = callers.take().is_some();
            let ran = pool.join().unwrap();
            assert_ne!(ran, called_off);
            assert_eq!(has_begun.try_recv().is_ok(), ran);
        }
    }

    #[test]
    fn a_function_whose_caller_is_gone_is_dropped_at_once_and_not_called() {
        let argument = Arc::new(());
        let held = Arc::clone(&argument);
        let function = Arc::new(Mutex::new(Some(move || held)));
        let (pools, callers) = (Queued(Arc::clone(&function)), Queued(function));
        drop(callers);
        assert_eq!(Arc::strong_count(&argument), 1);
        assert!(pools.take().is_none());
    }

    #[tokio::test]
    async fn a_thread_is_free_again_when_its_function_has_returned_or_was_not_called() {
        let threads = BlockingThreads::new(1);
        let thread = threads.reserve().await;
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let function = move || {
            begun.send(()).unwrap();
            let _ = released.recv();
            Attempt::Returned(Outcome::Done)
        };
        let mut called = Box::pin(call(Some(&thread), function));
        let begins = std::future::poll_fn(|cx| called.as_mut().poll(cx).map(drop));
        assert!(tokio::time::timeout(Duration::ZERO, begins).await.is_err(), "it waits to be released");
        has_begun.recv().unwrap();
        // Nobody waits for the function any more, and yet it takes up the thread.
        drop(called);
        drop(thread);
        assert_eq!(threads.free.available_permits(), 0);
        drop(release);
        let not_called = threads.reserve().await;
        drop(not_called);
        drop(threads.reserve().await);
    }

    #[test]
    fn that_no_thread_is_free_is_logged_once_and_then_rarely() {
        let (threads, now) = (BlockingThreads::new(1), Instant::now());
        assert!(threads.may_warn(now));
        assert!(!threads.may_warn(now + WARNS_EVERY / 2));
        assert!(threads.may_warn(now + WARNS_EVERY));
    }

    #[test]
    fn a_function_that_hangs_does_not_hold_up_the_end_of_its_callers_runtime() {
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
            runtime.spawn(call(None, move || {
                begun.send(()).unwrap();
                let _ = released.recv();
                Attempt::Returned(Outcome::Done)
            }));
            has_begun.recv().unwrap();
            drop(runtime);
            ended.send(()).unwrap();
        });
        has_ended
            .recv_timeout(std::time::Duration::from_secs(20))
            .expect("the runtime's end waits for nothing");
        drop(release);
    }
}
