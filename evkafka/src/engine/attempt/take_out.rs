//! Records that cannot be decoded do not spoil their batch.

use super::{Done, Fate, Flow, Letter, Worker, open::Batch};
use crate::{
    engine::{observe::RecordEvent, pipeline::Routed},
    handle::{Attempt, BoxError},
    settle::{Tries, Verdict},
};

impl Worker {
    /// Has each record that cannot be decoded take the last step, and takes it out of the batch. If that is to stop, the
    /// batch ends before it.
    pub(super) fn take_out<R>(
        &self,
        handlers: &Routed<R>,
        handler: usize,
        tries: Tries,
        batch: &mut Batch<'_>,
        faults: Vec<(usize, BoxError)>,
    ) -> Flow {
        let rule = &handlers.rules[handler];
        for (index, cause) in faults {
            let attempt = Attempt::Undecodable(cause);
            let verdict = rule.judge.judge(tries, attempt, self.control.cancelled(), fastrand::f64);
            if !matches!(verdict, Verdict::Release(_)) {
                self.count_undecodable(&handlers.table, &batch.context(index));
            }
            match verdict {
                Verdict::DeadLetter(topic, failure) => {
                    let letter = Letter::new(topic, handler, tries.attempt, failure);
                    batch.decide(index, Fate::Letter(letter));
                }
                Verdict::Stop(failure) => {
                    batch.stop_at(index, failure);
                    break;
                }
                Verdict::GiveUp(failure) => {
                    let context = &batch.context(index);
                    self.tell(&RecordEvent::GivenUp { context, failure: &failure });
                    batch.decide(index, Fate::Settled(Done::GivenUp));
                }
                Verdict::Release(failure) => {
                    let context = &batch.context(index);
                    self.tell(&RecordEvent::Released { context, failure: &failure });
                    return Flow::End;
                }
                Verdict::Done | Verdict::Skip | Verdict::Retry(..) => {
                    unreachable!("what cannot be decoded is not handled, and not tried again")
                }
            }
        }
        batch.leave_out_decided();
        Flow::Continue
    }
}
