use std::collections::VecDeque;

use super::Job;

/// What has had its turn, and waits for what an attempt takes.
pub(super) struct Ready {
    /// For a permit.
    for_permit: VecDeque<Job>,
    /// Of plain functions: for a thread, and then for a permit. Who waits for a thread must not keep an async handler from its permit.
    for_thread: VecDeque<Job>,
    /// Which handlers are plain functions.
    is_blocking: Vec<bool>,
}

impl Ready {
    pub(super) fn new(is_blocking: Vec<bool>) -> Self {
        Self { for_permit: VecDeque::new(), for_thread: VecDeque::new(), is_blocking }
    }

    /// Whether the handler is a plain function.
    #[inline]
    pub(super) fn is_blocking(&self, handler: usize) -> bool {
        self.is_blocking[handler]
    }

    pub(super) fn push(&mut self, job: Job) {
        match self.is_blocking[job.handler()] {
            true => self.for_thread.push_back(job),
            false => self.for_permit.push_back(job),
        }
    }

    /// What begins without a permit.
    pub(super) fn pop_for_thread(&mut self) -> Option<Job> {
        self.for_thread.pop_front()
    }

    /// What begins with one.
    pub(super) fn pop_for_permit(&mut self) -> Option<Job> {
        self.for_permit.pop_front()
    }

    /// Whether something waits for a permit.
    pub(super) fn needs_permit(&self) -> bool {
        !self.for_permit.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.for_permit.is_empty() && self.for_thread.is_empty()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Job> {
        self.for_permit.drain(..).chain(self.for_thread.drain(..))
    }
}
