//! Without the feature `otel`: types of no size, whose functions do nothing.

use std::{sync::Arc, task::Poll};

use crate::{
    event::{Encoded, Outgoing},
    handle::{Attempt, Context},
    native::Delivery,
    record::Origin,
    send::{Destination, OwnHeader, RecordForm, SendError},
    settle::Verdict,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Tracing(());

pub(crate) struct LaneTracer;

#[derive(Default)]
pub(crate) struct ProcessSpan(());

#[derive(Clone, Default)]
pub(crate) struct Cause;

pub(crate) struct Surroundings;

/// Nothing has to be left.
pub(crate) struct Entered;

#[derive(Clone, Debug, Default)]
pub(crate) struct OutletTracer;

#[derive(Default)]
pub(crate) struct SendSpan(());

#[derive(Default)]
pub(crate) struct SendSpans;

impl LaneTracer {
    #[inline]
    pub(crate) fn new(_: &Tracing, _: &Origin, _: &str) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn begin(&self, _: &Context<'_>, _: &mut ProcessSpan) {}
}

impl ProcessSpan {
    #[inline(always)]
    pub(crate) fn poll(&mut self, attempt: impl FnOnce() -> Poll<Attempt>) -> Poll<Attempt> {
        attempt()
    }

    #[inline]
    pub(crate) fn cause(&self) -> Cause {
        Cause
    }

    #[inline]
    pub(crate) fn unfinished(self) {}

    #[inline]
    pub(crate) fn undecodable(self, _: usize) {}

    #[inline]
    pub(crate) fn judged(self, _: &Verdict) {}
}

impl Surroundings {
    #[inline]
    pub(crate) fn here() -> Self {
        Self
    }

    #[inline]
    pub(crate) fn enter(self) -> Entered {
        Entered
    }
}

impl OutletTracer {
    pub(crate) fn new(_: &Tracing) -> Self {
        Self
    }

    pub(crate) fn form(&self, form: RecordForm) -> RecordForm {
        form
    }

    #[inline]
    pub(crate) fn begin(&self, _: &RecordForm, _: &str, _: &Arc<str>, _: &str) -> SendSpan {
        SendSpan(())
    }
}

impl SendSpan {
    #[inline]
    pub(crate) fn headers(&self) -> &[OwnHeader] {
        &[]
    }

    #[inline]
    pub(crate) fn enqueued(self) {}

    #[inline]
    pub(crate) fn acknowledged(&mut self, _: i32, _: i64) {}

    #[inline]
    pub(crate) fn failed(&mut self, _: &SendError) {}
}

impl SendSpans {
    #[inline]
    pub(crate) fn begin<'o>(_: &'o Outgoing, _: impl Fn(&Encoded<'o>) -> Option<&'o Destination>) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn headers(&self, _: u32) -> &[OwnHeader] {
        &[]
    }

    #[inline]
    pub(crate) fn answered(&mut self, _: u32, _: Delivery) {}

    #[inline]
    pub(crate) fn failed(&mut self, _: u32, _: &SendError) {}
}
