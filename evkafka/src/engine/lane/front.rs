//! A record leaves the lane that was handled where it is, in order.

use std::{future::poll_fn, pin::Pin};

use super::{
    exit::{Handling, Standing},
    run::Run,
};
use crate::{
    engine::{
        attempt::{Done, Ended},
        numbers::Moment,
        schedule::Limit,
    },
    route::Routes,
};

/// When attempts end that are made where the lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    AtOnce,
    /// They had to wait, and their records were counted as received meanwhile.
    Later,
}

/// Makes attempts on the lane's task. `waits` is called if they have to wait, so that what was counted is passed on before.
#[inline]
pub(super) fn attempted_here(
    mut attempts: Pin<&mut impl Future<Output = Ended>>,
    waits: impl FnOnce(),
) -> impl Future<Output = Ended> {
    let mut waits = Some(waits);
    poll_fn(move |cx| {
        let polled = attempts.as_mut().poll(cx);
        if polled.is_pending()
            && let Some(waits) = waits.take()
        {
            waits();
        }
        polled
    })
}

impl<R: Routes> Run<R> {
    /// The attempts at the record that is next have ended, of which the last had `began`, where it is. What forbids to let in more, if something does now.
    #[inline]
    pub(super) fn exit_front(
        &mut self,
        offset: i64,
        ended: Ended,
        handling: Handling,
        began: Moment,
        ending: Ending,
    ) -> Option<Limit> {
        let Handling { matched, written, .. } = handling;
        match ended {
            Ended::All(Done::Handled) if ending == Ending::AtOnce => {
                let now = self.tools.worker.clock().now();
                self.numbers.handled_at_once(matched.event(), written, began, now);
                self.fetched.advance();
                let round = self.delivery.round();
                self.settle_counted(offset, round, Done::Handled, Standing::AtOnce, Some(handling));
                None
            }
            ended => self.exit_front_otherwise(offset, ended, handling, began, ending),
        }
    }

    fn exit_front_otherwise(
        &mut self,
        offset: i64,
        ended: Ended,
        handling: Handling,
        began: Moment,
        ending: Ending,
    ) -> Option<Limit> {
        let event = handling.matched.event();
        match ending {
            Ending::AtOnce => self.numbers.received(event),
            Ending::Later => {}
        }
        let now = self.numbers.look();
        self.numbers.called(event, began, now);
        match ended {
            Ended::All(done) => {
                self.fetched.advance();
                self.settle(offset, self.delivery.round(), done, Standing::AtOnce, handling);
                None
            }
            ended => {
                if let Some(held) = self.hold(handling.matched) {
                    self.exit_held(held, ended.of_one(), Standing::AtOnce, handling.begun);
                }
                self.limit()
            }
        }
    }
}
