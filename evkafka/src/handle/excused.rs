//! What an attempt waits for that is not its handler's doing: a layer's turn, a producer whose broker is away.
//!
//! Whoever polls the attempt hears of it after the poll. A thread's cell is all that it takes, because the wait and the attempt are polled
//! by one thread, one inside the other.

use std::{cell::Cell, future::poll_fn, pin::pin};

thread_local! {
    static IS_EXCUSED: Cell<bool> = const { Cell::new(false) };
}

/// Waits for `future`. Meanwhile, the time that its attempt takes does not count against the handler.
pub(crate) async fn excused<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let poll = future.as_mut().poll(cx);
        if poll.is_pending() {
            IS_EXCUSED.set(true);
        }
        poll
    })
    .await
}

/// Whether the attempt that was just polled waits for something [excused].
pub(crate) fn take_excused() -> bool {
    IS_EXCUSED.replace(false)
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn only_a_wait_is_an_excuse_and_only_once() {
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(pin!(excused(async { 7 })).poll(&mut cx), Poll::Ready(7));
        assert!(!take_excused());
        let mut waits = pin!(excused(std::future::pending::<()>()));
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        assert!(take_excused() && !take_excused());
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        assert!(take_excused());
    }
}
