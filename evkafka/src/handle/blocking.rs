//! Threads for plain functions, which may block.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use super::Attempt;

/// A tokio runtime of which only the blocking pool is used, and which is never dropped.
///
/// The pool of the app's own runtime would not do: that runtime waits in its destructor until the last function has come to
/// its end, however long that takes, so that one that hangs would keep the process alive after
/// [`App::run`](crate::App::run) has returned.
fn pool() -> &'static Handle {
    static POOL: OnceLock<Runtime> = OnceLock::new();
    let runtime = POOL.get_or_init(|| {
        // Of one thread, which nobody drives: it starts no thread and opens no file.
        let runtime = Builder::new_current_thread().thread_name("evkafka-blocking").build();
        runtime.expect("a runtime without drivers has nothing that could fail")
    });
    runtime.handle()
}

/// Runs a plain function on a thread where it may block without holding up the runtime. The runtime of the caller is entered,
/// so that the function can spawn tasks on it or block on its futures.
///
/// # Cancel safety
/// A function that has begun cannot be interrupted: dropping the future leaves it running to its end.
#[doc(hidden)]
pub async fn call_blocking(call: impl FnOnce() -> Attempt + Send + 'static) -> Attempt {
    let caller = Handle::current();
    let call = move || {
        let _entered = caller.enter();
        call()
    };
    match pool().spawn_blocking(call).await {
        Ok(attempt) => attempt,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => Attempt::Panicked(super::panic::message(&*payload)),
            Err(error) => Attempt::Failed(Box::new(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::handle::Outcome;

    #[test]
    fn a_function_is_within_the_runtime_of_its_caller() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let attempt = runtime.block_on(call_blocking(|| {
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
    fn a_function_that_hangs_does_not_hold_up_the_end_of_its_callers_runtime() {
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
            runtime.spawn(call_blocking(move || {
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
