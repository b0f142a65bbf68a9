use std::{borrow::Cow, fmt, sync::Arc};

use crate::decode::{Absent, Content, Envelope};

/// What is known of the event that a record is.
#[derive(Default)]
pub(crate) struct EventIdentity<'r> {
    name: Option<&'r [u8]>,
    /// Mostly there is nothing more to know, and then this costs next to nothing.
    more: Option<More<'r>>,
}

/// What is known besides a name that is borrowed.
#[derive(Default)]
struct More<'r> {
    version: Option<u32>,
    payload: Location<'r>,
    /// Shared with nobody: what is to be said for an `Arc` is that dropping none is a test and no call.
    kept: Option<Arc<Kept>>,
}

/// What could not be borrowed from the record.
#[derive(Clone, Default)]
struct Kept {
    name: Option<Vec<u8>>,
    payload: Vec<u8>,
    /// What is wrong with the envelope.
    fault: Option<String>,
    /// How the function that names events panicked.
    panic: Option<String>,
}

/// Where the payload is.
#[derive(Clone, Copy, Default)]
enum Location<'r> {
    /// It is all of the record's.
    #[default]
    Whole,
    /// It is in an envelope that was not opened yet.
    Within(Envelope),
    Part(&'r [u8]),
    Kept,
    None(Envelope),
    Fault(Envelope),
}

impl<'r> EventIdentity<'r> {
    /// An event of this type, if it has one, whose payload is the record's.
    #[inline]
    pub(crate) fn named(name: Option<&'r [u8]>) -> Self {
        Self { name, more: None }
    }

    /// An event of this type.
    pub(crate) fn owned(name: Vec<u8>) -> Self {
        Self::new(Cow::Owned(name), None, None)
    }

    pub(super) fn new(name: Cow<'r, [u8]>, version: Option<u32>, envelope: Option<Envelope>) -> Self {
        let payload = envelope.map_or(Location::Whole, Location::Within);
        match name {
            Cow::Borrowed(name) if version.is_none() && envelope.is_none() => Self::named(Some(name)),
            Cow::Borrowed(name) => {
                Self { name: Some(name), more: Some(More { version, payload, kept: None }) }
            }
            Cow::Owned(name) => {
                let kept = Some(Arc::new(Kept { name: Some(name), ..Kept::default() }));
                Self { name: None, more: Some(More { version, payload, kept }) }
            }
        }
    }

    /// The function that names events panicked.
    #[cold]
    pub(super) fn panicked(message: String) -> Self {
        let kept = Kept { panic: Some(message), ..Kept::default() };
        Self { name: None, more: Some(More { kept: Some(Arc::new(kept)), ..More::default() }) }
    }

    /// How the function that names events panicked, if it did.
    #[inline]
    pub(crate) fn panic(&self) -> Option<&str> {
        self.kept()?.panic.as_deref()
    }

    #[inline]
    fn kept(&self) -> Option<&Kept> {
        self.more.as_ref()?.kept.as_deref()
    }

    /// The bytes of its type.
    #[inline]
    pub(crate) fn name(&self) -> Option<&[u8]> {
        if self.name.is_some() { self.name } else { self.kept()?.name.as_deref() }
    }

    #[cfg(test)]
    pub(super) fn is_borrowed(&self) -> bool {
        self.name.is_some()
    }

    /// Whether there is more to know of it than its name: a version, or where its payload is.
    #[inline]
    pub(crate) fn has_more(&self) -> bool {
        self.more
            .as_ref()
            .is_some_and(|more| more.version.is_some() || !matches!(more.payload, Location::Whole))
    }

    /// Its version, if its consumer reads one.
    #[inline]
    pub(crate) fn version(&self) -> Option<u32> {
        self.more.as_ref()?.version
    }

    pub(crate) fn with_version(mut self, version: u32) -> Self {
        self.more.get_or_insert_default().version = Some(version);
        self
    }

    /// Opens the envelope around the payload, if there is one.
    #[inline]
    pub(crate) fn open(&mut self, payload: Option<&'r [u8]>) {
        if let Some(more) = &mut self.more {
            more.open(payload.unwrap_or_default());
        }
    }

    /// The payload of a record that is this event, and whose own payload is `whole`.
    #[inline]
    pub(crate) fn payload<'e>(&'e self, whole: Option<&'e [u8]>) -> Option<&'e [u8]> {
        match &self.more {
            None => whole,
            Some(more) => more.payload(whole),
        }
    }

    /// Why there is no payload.
    pub(crate) fn absent(&self) -> Absent<'_> {
        let Some(More { payload, kept, .. }) = &self.more else { return Absent::Null };
        match payload {
            Location::None(envelope) => Absent::NotIn(*envelope),
            Location::Fault(envelope) => {
                let fault = kept.as_ref().and_then(|kept| kept.fault.as_deref());
                Absent::Unreadable(*envelope, fault.unwrap_or_default())
            }
            Location::Whole | Location::Within(_) | Location::Part(_) | Location::Kept => Absent::Null,
        }
    }
}

impl<'r> More<'r> {
    fn open(&mut self, bytes: &'r [u8]) {
        let Location::Within(envelope) = self.payload else { return };
        self.payload = match envelope.open(bytes) {
            Ok(Content::Part(part)) => Location::Part(part),
            Ok(Content::Decoded(payload)) => {
                self.keep().payload = payload;
                Location::Kept
            }
            Ok(Content::Nothing) => Location::None(envelope),
            Err(fault) => {
                self.keep().fault = Some(fault);
                Location::Fault(envelope)
            }
        };
    }

    fn keep(&mut self) -> &mut Kept {
        Arc::make_mut(self.kept.get_or_insert_default())
    }

    fn payload<'e>(&'e self, whole: Option<&'e [u8]>) -> Option<&'e [u8]> {
        match self.payload {
            Location::Whole | Location::Within(_) => whole,
            Location::Part(part) => Some(part),
            Location::Kept => self.kept.as_ref().map(|kept| &*kept.payload),
            Location::None(_) | Location::Fault(_) => None,
        }
    }
}

/// Without the payload.
impl fmt::Debug for EventIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventIdentity")
            .field("name", &self.name().map(String::from_utf8_lossy))
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}
