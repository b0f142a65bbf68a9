use std::{pin::Pin, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type Awaited = Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>;

/// A lane's way to the permits that all lanes of its consumer share: one for each handler that may run.
pub(super) struct NextPermit {
    permits: Arc<Semaphore>,
    /// For the next attempt.
    permit: Option<OwnedSemaphorePermit>,
    /// The wait for one, which keeps its place among those who wait.
    awaited: Option<Awaited>,
}

impl NextPermit {
    pub(super) fn new(permits: Arc<Semaphore>) -> Self {
        Self { permits, permit: None, awaited: None }
    }

    /// Whether there is one for the next attempt.
    #[inline]
    pub(super) fn is_there(&mut self) -> bool {
        if self.permit.is_none() && self.awaited.is_none() {
            self.permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        }
        self.permit.is_some()
    }

    pub(super) fn take(&mut self) -> Option<OwnedSemaphorePermit> {
        self.permit.take()
    }

    /// That of an attempt that has ended is for the next one.
    pub(super) fn keep(&mut self, permit: &mut Option<OwnedSemaphorePermit>) {
        if self.permit.is_none() {
            self.permit = permit.take();
        }
    }

    /// Others may have it.
    pub(super) fn give_back(&mut self) {
        self.permit = None;
    }

    /// No attempt waits for one. Whoever stopped looking for one that it waits for would keep it from all others.
    pub(super) fn wait_no_longer(&mut self) {
        (self.permit, self.awaited) = (None, None);
    }

    /// Waits until one is there.
    ///
    /// # Cancel safety
    /// It keeps its place among those who wait, until [nobody waits any longer](Self::wait_no_longer).
    pub(super) async fn arrives(&mut self) {
        let permits = &self.permits;
        let awaited = self.awaited.get_or_insert_with(|| {
            let permits = Arc::clone(permits);
            Box::pin(async move { permits.acquire_owned().await.expect("the semaphore is never closed") })
        });
        self.permit = Some(awaited.await);
        self.awaited = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_keeps_its_place_and_whoever_waits_no_longer_keeps_no_permit() {
        let permits = Arc::new(Semaphore::new(1));
        let [mut first, mut second] = [(); 2].map(|()| NextPermit::new(Arc::clone(&permits)));
        assert!(first.is_there() && !second.is_there());
        // Twice, as a lane does that is woken by something else.
        for _ in 0..2 {
            let waits = tokio::time::timeout(std::time::Duration::ZERO, second.arrives());
            assert!(waits.await.is_err());
        }
        first.give_back();
        assert!(!first.is_there(), "it is granted to the one who waits");
        second.wait_no_longer();
        assert!(first.is_there());
    }
}
