use std::{borrow::Cow, fmt, sync::Arc};

use crate::record::Record;

/// A place where the type of a record's event may be read: an element of [`ConsumerConfig::event_type`](crate::ConsumerConfig::event_type).
///
/// It is made of a text, or of a [function](Self::function). A text that names no place is a fault of the configuration.
#[derive(Clone, PartialEq)]
pub struct EventTypeSource(pub(super) Written);

#[derive(Clone, PartialEq)]
pub(super) enum Written {
    Text(String),
    Function(Function),
}

/// A function that names a record's event.
#[derive(Clone)]
pub(crate) struct Function(Arc<Naming>);

type Naming = dyn for<'r> Fn(&Record<'r>) -> Option<Cow<'r, str>> + Send + Sync;

impl EventTypeSource {
    /// A function of the record; `None` if it does not know the type either.
    ///
    /// It may be called several times for a record, and has to give the same answer each time. It is called on the tasks that
    /// read and handle the partition, so it must not block. If it panics, the app ends with an error that names the record.
    ///
    /// ```
    /// use std::borrow::Cow;
    ///
    /// use evkafka::{ConsumerConfig, EventTypeSource};
    ///
    /// let by_key = EventTypeSource::function(|record| {
    ///     let key = str::from_utf8(record.key()?).ok()?;
    ///     key.split_once('/').map(|(event, _id)| Cow::Borrowed(event))
    /// });
    /// let orders = ConsumerConfig::new(["orders"]).event_type(["header:Event-Type".into(), by_key]);
    /// # let _ = orders;
    /// ```
    pub fn function(
        name: impl for<'r> Fn(&Record<'r>) -> Option<Cow<'r, str>> + Send + Sync + 'static,
    ) -> Self {
        Self(Written::Function(Function(Arc::new(name))))
    }
}

impl Function {
    pub(super) fn call<'r>(&self, record: &Record<'r>) -> Option<Cow<'r, str>> {
        (self.0)(record)
    }
}

/// Two are the same if one was cloned from the other.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("function")
    }
}

impl From<&str> for EventTypeSource {
    fn from(text: &str) -> Self {
        Self(Written::Text(text.to_owned()))
    }
}

impl From<String> for EventTypeSource {
    fn from(text: String) -> Self {
        Self(Written::Text(text))
    }
}

/// As it is written in a configuration.
impl fmt::Debug for EventTypeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Written::Text(text) => fmt::Debug::fmt(text, f),
            Written::Function(function) => fmt::Debug::fmt(function, f),
        }
    }
}
