//! What happens between two attempts.

use std::time::Duration;

use tokio::time::sleep;

use super::{AttemptState, Flow, Open, Worker};
use crate::{
    engine::{numbers::Moment, vitals::WaitsFor},
    route::RouteTable,
    settle::{Failure, Tries},
};

impl Worker {
    /// An attempt has failed, and after a wait the next one begins. [`Flow::End`] if there is none, because the lane ends or continues
    /// elsewhere meanwhile.
    pub(super) async fn back_off(
        &self,
        table: &RouteTable,
        open: &mut Open<'_>,
        tries: &mut Tries,
        (wait, failure): (Duration, Failure),
        state: &mut AttemptState,
    ) -> Flow {
        state.permits.give_back();
        self.tell_retried(open, &failure, wait);
        self.count_retried(table, open, &failure, state.began);
        state.began = Moment::NEVER;
        let pause = self.pause(wait, open.first().record.offset(), open.len()).await;
        *tries = tries.next(&failure);
        if pause == Flow::Continue {
            open.begin_attempt(tries.attempt);
            state.began = self.clock().now();
        }
        pause
    }

    /// Waits before the next attempt at so many records, of which the first is at `offset`.
    async fn pause(&self, wait: Duration, offset: i64, records: usize) -> Flow {
        let _waiting = self.control.pulse.wait(WaitsFor::Backoff { offset, wait });
        let _backing_off = self.control.backing_off.begin(records, &self.control.look);
        tokio::select! {
            biased;
            () = self.control.left() => Flow::End,
            () = sleep(wait) => Flow::Continue,
        }
    }
}
