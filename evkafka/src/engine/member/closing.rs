//! A client that is closed while its member goes on to the next.

use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::{
    command::{Command, asked_to_leave},
    plan::{DrainPlan, POLL},
};
use crate::engine::vitals::MemberPulse;

/// How long a member that replaces its client waits for the one before to have left the group.
const CLOSES: Duration = Duration::from_secs(5);

/// A client that is being closed, on a thread of its own: a handler that blocks its thread may hold it up for as long as it likes.
pub(super) struct Closing {
    /// Disconnected when it is closed.
    closed: mpsc::Receiver<()>,
}

impl Closing {
    /// Closes the client that is dropped with `session`.
    ///
    /// # Errors
    /// If the operating system gives no thread; then it is closed on this one.
    pub(super) fn begin(session: impl Send + 'static, consumer: &str) -> io::Result<Self> {
        let (closes, closed) = mpsc::channel();
        let close = move || {
            drop(session);
            drop(closes);
        };
        thread::Builder::new().name(format!("evkafka-{consumer}-close")).spawn(close)?;
        Ok(Self { closed })
    }

    /// Waits until it is closed, if that is quick. The plan by which the member leaves if the app says so meanwhile.
    pub(super) fn wait(&self, inbox: &mpsc::Receiver<Command>, pulse: &MemberPulse) -> Option<DrainPlan> {
        let until = Instant::now() + CLOSES;
        loop {
            let is_closed = self.is_closed_in(POLL);
            let now = Instant::now();
            pulse.turns(now, Duration::ZERO);
            if let Some(plan) = asked_to_leave(inbox) {
                return Some(plan);
            }
            if is_closed || now >= until {
                return None;
            }
        }
    }

    /// Waits until it is closed, for at most `time`; whether it is.
    pub(super) fn is_closed_in(&self, time: Duration) -> bool {
        self.closed.recv_timeout(time) == Err(RecvTimeoutError::Disconnected)
    }

    /// Waits until it is closed, which has no deadline.
    pub(super) fn finish(self) {
        // Nothing is ever sent.
        let _ = self.closed.recv();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::vitals::Members;

    #[test]
    fn an_app_that_ends_is_heard_while_a_client_closes() {
        let (held_up, is_held_up) = mpsc::channel::<()>();
        let session = HeldUp(is_held_up);
        let closing = Closing::begin(session, "orders").expect("a thread");
        let (pulse, (commands, inbox)) = (Members::default().add(), mpsc::channel());
        let plan = DrainPlan::for_shutdown(Instant::now(), Duration::from_secs(10));
        commands.send(Command::Shutdown(plan)).expect("it is heard");
        assert_eq!(closing.wait(&inbox, &pulse), Some(plan));
        assert!(!closing.is_closed_in(Duration::ZERO));
        drop(held_up);
        assert!(closing.is_closed_in(Duration::MAX));
        assert_eq!(closing.wait(&inbox, &pulse), None);
        closing.finish();
    }

    /// Is dropped no sooner than the other end.
    struct HeldUp(mpsc::Receiver<()>);

    impl Drop for HeldUp {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }
}
