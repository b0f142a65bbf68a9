//! Reading what a producer has written: for tests.

use std::{borrow::Cow, collections::BTreeMap};

use super::{RecordForm, Shape};
use crate::{
    event::EventSpec,
    event_type::{EventTypes, Place},
    record::Record,
    send::cloud_events::CloudEvents,
};

impl RecordForm {
    /// The payload of an event, if this record is one, as a producer of this form writes it.
    pub(crate) fn read<'r>(&self, record: &Record<'r>, event: &EventSpec) -> Option<Cow<'r, [u8]>> {
        let whole = record.payload();
        match &self.shape {
            Shape::Headers { event_type, version } => {
                let headers = record.headers();
                let expected = event.version.map(|version| version.to_string());
                let is_it = headers.get(event_type) == Some(event.name.as_bytes())
                    && headers.get(version) == expected.as_deref().map(str::as_bytes);
                is_it.then(|| Cow::Borrowed(whole.unwrap_or_default()))
            }
            Shape::CloudEvents(_) => {
                let types = EventTypes::new(vec![Place::CloudEvents], &BTreeMap::new(), None);
                let mut identity = types.event(record);
                let expected = CloudEvents::event_type(event.name, event.version);
                let is_it = identity.name() == Some(expected.as_bytes());
                identity.open(whole);
                is_it.then(|| Cow::Owned(identity.payload(whole).unwrap_or(b"null").to_vec()))
            }
        }
    }
}
