//! What is done when no further attempt is made.

use super::{Done, Ended, Letter, Open, Worker};
use crate::{
    engine::{observe::RecordEvent, pipeline::Routed},
    event::Outgoing,
    settle::{Tries, Verdict},
};

impl Worker {
    /// No further attempt is made.
    #[inline]
    pub(super) fn conclude<R>(
        &self,
        handlers: &Routed<R>,
        handler: usize,
        tries: Tries,
        open: Open<'_>,
        verdict: Verdict,
    ) -> Ended {
        match verdict {
            Verdict::Done => self.all(open, Done::Handled),
            Verdict::Skip => self.all(open, Done::Skipped),
            failed => {
                self.count_failed(&handlers.table, &open, &failed);
                self.conclude_failed(handler, tries, open, failed)
            }
        }
    }

    #[cold]
    fn conclude_failed(&self, handler: usize, tries: Tries, open: Open<'_>, verdict: Verdict) -> Ended {
        match verdict {
            Verdict::Done | Verdict::Skip | Verdict::Retry(..) => unreachable!("it has not failed for good"),
            Verdict::GiveUp(failure) => {
                let context = &open.call_context(None);
                self.tell(&RecordEvent::GivenUp { context, failure: &failure });
                self.all(open, Done::GivenUp)
            }
            Verdict::DeadLetter(topic, failure) => {
                let letter = Letter::new(topic, handler, tries.attempt, failure);
                self.each(open, &letter)
            }
            Verdict::Stop(failure) => {
                self.shared.counts.leave_failed(open.len());
                self.report_stop(open.first(), failure);
                open.unsettled()
            }
            Verdict::Release(failure) => {
                let context = &open.call_context(None);
                self.tell(&RecordEvent::Released { context, failure: &failure });
                self.leave(open, tries)
            }
        }
    }

    /// They stay unsettled, before an attempt that is not made or does not count.
    pub(super) fn leave<'r>(&self, open: Open<'r>, tries: Tries) -> Ended {
        if tries.attempt > Tries::FIRST.attempt {
            self.shared.counts.leave_failed(open.len());
        }
        open.unsettled()
    }

    /// The same becomes of all of them.
    #[inline]
    pub(super) fn all(&self, mut open: Open<'_>, done: Done) -> Ended {
        self.report_stop_in(&mut open);
        open.all(done)
    }

    /// They are handled once these events are acknowledged.
    #[inline(never)]
    pub(super) fn sends(&self, mut open: Open<'_>, mut outgoing: Outgoing, tries: Tries) -> Ended {
        self.report_stop_in(&mut open);
        outgoing.returned_by(tries.attempt);
        open.sends(outgoing)
    }

    /// Each of them is to be a dead letter.
    pub(super) fn each(&self, mut open: Open<'_>, letter: &Letter) -> Ended {
        self.report_stop_in(&mut open);
        open.letters(letter)
    }

    /// Reports the record of a batch that the lane stops at, now that those in front of it are settled.
    #[inline]
    fn report_stop_in(&self, open: &mut Open<'_>) {
        if let Open::Many(batch) = open
            && let Some((context, failure)) = batch.take_stop()
        {
            self.shared.counts.leave_failed(1);
            self.report_stop(&context, failure);
        }
    }
}
