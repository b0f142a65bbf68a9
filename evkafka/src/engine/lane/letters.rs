use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::{
    task::{JoinSet, coop},
    time::Instant,
};

use crate::{
    engine::{
        attempt::Letter,
        schedule::{Held, Lost, Slot, Tools},
    },
    route::{Matched, Routes},
};

/// How many dead letters of a partition may be on their way at a time.
const MOST: usize = 1024;

/// The dead letters of a lane that are on their way. Their records are not settled before they are acknowledged; other records are
/// handled meanwhile.
pub(super) struct Letters {
    on_their_way: JoinSet<SentLetter>,
    bytes: u64,
    most_bytes: u64,
}

/// What became of a dead letter.
pub(super) struct SentLetter {
    pub(super) slot: Slot,
    pub(super) matched: Matched,
    /// When the first attempt at its record began, if anybody wants to know.
    pub(super) begun: Option<Instant>,
    pub(super) is_acknowledged: bool,
}

impl Letters {
    /// At most so many bytes of records may be on their way.
    pub(super) fn new(most_bytes: u64) -> Self {
        Self { on_their_way: JoinSet::new(), bytes: 0, most_bytes }
    }

    pub(super) fn send<R: Routes>(
        &mut self,
        tools: &Arc<Tools<R>>,
        held: Held,
        letter: Letter,
        begun: Option<Instant>,
    ) {
        self.bytes += held.slot.bytes;
        let tools = Arc::clone(tools);
        let mut sending = Box::pin(async move {
            let Held { message, slot, matched } = &held;
            let record = message.record(&tools.worker.origin);
            let is_acknowledged = tools.worker.send_letter(&tools.handlers, record, &letter).await;
            SentLetter { slot: *slot, matched: *matched, begun, is_acknowledged }
        });
        // The first poll puts it into the producer's queue: here, so that letters go in the order of their records, whatever is left of
        // the lane's budget.
        match pin!(coop::unconstrained(sending.as_mut())).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(sent) => self.on_their_way.spawn(async move { sent }),
            Poll::Pending => self.on_their_way.spawn(sending),
        };
    }

    pub(super) fn has_room(&self) -> bool {
        self.on_their_way.len() < MOST && self.bytes < self.most_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.on_their_way.is_empty()
    }

    /// One that has arrived, or will not, if there is one.
    pub(super) fn try_next(&mut self) -> Option<Result<SentLetter, Lost>> {
        let sent = self.on_their_way.try_join_next()?;
        Some(self.take(sent))
    }

    /// Waits for one to arrive, or not to.
    ///
    /// # Cancel safety
    /// It can be called again.
    pub(super) async fn next(&mut self) -> Option<Result<SentLetter, Lost>> {
        let sent = self.on_their_way.join_next().await?;
        Some(self.take(sent))
    }

    fn take(&mut self, sent: Result<SentLetter, tokio::task::JoinError>) -> Result<SentLetter, Lost> {
        let sent = sent.map_err(|_| Lost)?;
        self.bytes -= sent.slot.bytes;
        Ok(sent)
    }
}
