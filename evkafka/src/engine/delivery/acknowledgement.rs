use crate::{engine::lane::LaneControl, settle::Progress};

/// How the wait for the acknowledgement of an offset ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Acknowledgement {
    /// The records below it may be handled.
    Given,
    /// The lane is at its end, and the offset will not be committed: the next owner gets the records.
    TakenBack,
    /// The broker may have taken a commit to which there was no clear answer, or no time to wait for it.
    Unknown,
}

/// Waits until the broker has acknowledged `next`, for which somebody has to commit it, or until the lane is to end.
pub(in crate::engine) async fn acknowledgement(
    control: &LaneControl,
    progress: &Progress,
    next: i64,
) -> Acknowledgement {
    while !progress.is_acknowledged(next) {
        let stopping = control.is_stopping();
        // The next owner gets what was not committed. What is on its way may be committed, and is waited for.
        if stopping && progress.retract(next) {
            let unclear = progress.is_unclear();
            return if unclear { Acknowledgement::Unknown } else { Acknowledgement::TakenBack };
        }
        tokio::select! {
            biased;
            // Also if the commit was refused.
            () = control.acknowledged.notified() => {}
            () = control.aborted().cancelled() => {
                progress.abandon();
                return Acknowledgement::Unknown;
            }
            () = control.stopped(), if !stopping => {}
        }
    }
    Acknowledgement::Given
}
