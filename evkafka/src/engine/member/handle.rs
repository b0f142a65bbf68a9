//! A member as the app sees it.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use tokio::{runtime::Handle, sync::oneshot};

use super::{
    admission::Admission,
    command::{Command, MemberSettings},
    plan::DrainPlan,
    thread::Poller,
};
use crate::{
    engine::{pipeline::Pipeline, shared::Shared},
    error::{Error, Result},
};

/// A running member, as the app sees it. Dropping it makes it stop at once, without waiting for it.
#[derive(Debug)]
pub(crate) struct Member {
    commands: mpsc::Sender<Command>,
    admission: Arc<Admission>,
    /// Answers once: what the look at the cluster came to. Not at all if the thread panicked, which is reported.
    pub(crate) ready: oneshot::Receiver<Result<()>>,
    /// Answers once: whether everything that was handled is committed.
    pub(crate) drained: oneshot::Receiver<Result<()>>,
    /// Answers once the client is closed.
    pub(crate) closed: oneshot::Receiver<()>,
}

impl Member {
    /// Starts the thread, which looks at the cluster and then waits for [`Self::consume`].
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(
        settings: MemberSettings,
        shared: Arc<Shared>,
        pipeline: Arc<dyn Pipeline>,
        runtime: Handle,
    ) -> Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let (ready_sender, ready) = oneshot::channel();
        let (drained_sender, drained) = oneshot::channel();
        let (closed_sender, closed) = oneshot::channel();
        let admission = Arc::new(Admission::default());
        let name = format!("evkafka-{}", shared.consumer);
        let poller = Poller::new(settings, shared, pipeline, runtime, Arc::clone(&admission), inbox);
        thread::Builder::new()
            .name(name)
            .spawn(move || {
                poller.run(ready_sender, drained_sender);
                let _ = closed_sender.send(());
            })
            .map_err(Error::other)?;
        Ok(Self { commands, admission, ready, drained, closed })
    }

    /// Joins the group and consumes.
    pub(crate) fn consume(&self) {
        let _ = self.commands.send(Command::Consume);
    }

    /// For whoever is to shut it down, on any thread.
    pub(crate) fn shutdown(&self) -> Shutdown {
        Shutdown { commands: self.commands.clone(), admission: Arc::clone(&self.admission) }
    }

    /// Whether it was shut down before it had joined its group, so that there is nothing to wait for.
    pub(crate) fn is_called_off(&self) -> bool {
        self.admission.is_called_off()
    }
}

/// Shuts a [`Member`] down. As long as it exists, the member's end is not noticed.
#[derive(Debug)]
pub(crate) struct Shutdown {
    commands: mpsc::Sender<Command>,
    admission: Arc<Admission>,
}

impl Shutdown {
    /// The member drains by `plan`, commits, and leaves the group; if it has not joined, it never will.
    pub(crate) fn begin(&self, plan: DrainPlan) {
        let _ = self.commands.send(Command::Shutdown(plan));
        self.admission.call_off();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.admission.call_off();
    }
}
