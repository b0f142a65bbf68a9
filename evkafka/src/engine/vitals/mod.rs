//! What lanes and members leave behind while they work, by which anybody can tell, on any thread, whether they still do.
//!
//! A lane reads no clock for it. It counts its turns and the records that it deals with, and notes what it or a handler waits for. The
//! time is taken by whoever [looks](LanePulse::look), which the member's thread does each second: a wait is as old as the look that saw
//! it first. So whoever asks is told of a lane that stands still at once, however rarely they ask, and a blocked runtime is told of
//! by a thread that is none of it.
//!
//! A lane in order is as long without a beat as its handler takes; all others have a turn each second at least, since the member's thread
//! wakes them.

mod lane;
mod member;
mod waits;

use std::sync::{Arc, Mutex, PoisonError};

pub(super) use self::lane::{LanePulse, Waiting};
pub(crate) use self::{
    lane::{LaneEnd, LaneVitals},
    member::{MemberPulse, MemberVitals},
    waits::{Wait, WaitsFor},
};

/// The members of a consumer, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Members(Mutex<Vec<Arc<MemberPulse>>>);

impl Members {
    /// One more member is about to start.
    pub(super) fn add(&self) -> Arc<MemberPulse> {
        let pulse = Arc::new(MemberPulse::new());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&pulse));
        pulse
    }

    pub(crate) fn vitals(&self) -> Vec<MemberVitals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|pulse| pulse.vitals()).collect()
    }
}
