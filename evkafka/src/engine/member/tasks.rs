//! The tasks of a member, whose futures are dropped with it even if the app's runtime does not run any more.
//!
//! A task belongs to its runtime: one that is aborted is dropped when the runtime gets to it, which it never does if nobody drives it,
//! as after the `block_on` of a runtime of one thread. What a task holds of the client would keep that alive. So the futures are kept
//! here, and a task only polls its own, for as long as it is there.
//!
//! Between the task and whoever drops it there is one rule: whoever has the lock of a future polls or drops it, nobody waits for
//! the lock, and who gives it back looks once more whether the future is to be dropped.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, TryLockError, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use tokio::{runtime::Handle, task::JoinHandle};

/// The tasks of one member.
#[derive(Default)]
pub(super) struct Tasks(Mutex<Vec<Weak<TaskSlot>>>);

/// The future of a task, until it is done or dropped.
struct TaskSlot {
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    is_dropped: AtomicBool,
}

impl Tasks {
    /// Spawns a task on `runtime`. It ends early if its future is [dropped](Self::drop_all).
    pub(super) fn spawn(
        &self,
        runtime: &Handle,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let slot = Arc::new(TaskSlot {
            future: Mutex::new(Some(Box::pin(future))),
            is_dropped: AtomicBool::new(false),
        });
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        drop(slots);
        runtime.spawn(poll_fn(move |cx| slot.poll(cx)))
    }

    /// Drops the futures of all tasks. One that is being polled is dropped when that poll returns.
    pub(super) fn drop_all(&self, runtime: &Handle) {
        // A destructor may be one of the user's, who expects to be within the runtime.
        let _entered = runtime.enter();
        let slots = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in slots.iter().filter_map(Weak::upgrade) {
            slot.is_dropped.store(true, SeqCst);
            // Unwind safety: nothing of the future is used any more. What its destructors have to say is in the panic's own message.
            let _ = catch_unwind(AssertUnwindSafe(|| slot.drop_if_told()));
        }
    }
}

impl TaskSlot {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = match self.future.try_lock() {
            Ok(mut future) => poll_once(&mut future, cx),
            // A panic in an earlier poll has ended the task.
            Err(TryLockError::Poisoned(_)) => return Poll::Ready(()),
            // It is being dropped.
            Err(TryLockError::WouldBlock) => return Poll::Ready(()),
        };
        // Told while it was polled: nobody else may have seen that it was given back.
        if self.drop_if_told() { Poll::Ready(()) } else { polled }
    }

    /// Drops the future if it is to be, unless it is being polled; whether it is to be.
    fn drop_if_told(&self) -> bool {
        let is_dropped = self.is_dropped.load(SeqCst);
        if is_dropped {
            let future = match self.future.try_lock() {
                Ok(mut future) => future.take(),
                Err(TryLockError::Poisoned(future)) => future.into_inner().take(),
                Err(TryLockError::WouldBlock) => None,
            };
            // Outside of the lock: its destructors are the user's.
            drop(future);
        }
        is_dropped
    }
}

fn poll_once(
    future: &mut Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let Some(running) = future else { return Poll::Ready(()) };
    let polled = running.as_mut().poll(cx);
    if polled.is_ready() {
        *future = None;
    }
    polled
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_future_is_dropped_although_nobody_drives_its_runtime() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let tasks = Tasks::default();
        let held = Arc::new(());
        let (begun, waits) = (Arc::clone(&held), Arc::clone(&held));
        let _polled = tasks.spawn(runtime.handle(), async move {
            let _held = begun;
            std::future::pending::<()>().await;
        });
        runtime.block_on(tokio::task::yield_now());
        let never_polled = tasks.spawn(runtime.handle(), async move { drop(waits) });
        assert_eq!(Arc::strong_count(&held), 3);
        tasks.drop_all(runtime.handle());
        assert_eq!(Arc::strong_count(&held), 1);
        runtime.block_on(never_polled).unwrap();
    }

    #[test]
    fn a_future_that_is_being_polled_is_dropped_after_that_poll() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let tasks = Tasks::default();
        let held = Arc::new(());
        let (of_task, (begun, has_begun)) = (Arc::clone(&held), std::sync::mpsc::channel());
        let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
        let task = tasks.spawn(runtime.handle(), async move {
            let _held = of_task;
            begun.send(()).unwrap();
            let _ = goes_on.recv();
            std::future::pending::<()>().await;
        });
        has_begun.recv().unwrap();
        tasks.drop_all(runtime.handle());
        assert_eq!(Arc::strong_count(&held), 2, "it is at work, and nobody waits for it");
        drop(go_on);
        runtime.block_on(task).unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_task_that_is_done_or_has_panicked_is_as_without_all_this() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let tasks = Tasks::default();
        let done = tasks.spawn(runtime.handle(), async {});
        let panics = tasks.spawn(runtime.handle(), async { panic!("boom") });
        runtime.block_on(async {
            assert!(done.await.is_ok());
            assert!(panics.await.is_err_and(|error| error.is_panic()));
        });
        tasks.drop_all(runtime.handle());
    }
}
