use super::{Context, States};
use crate::{CancellationToken, event_type::EventIdentity, record::OwnedRecord};

/// What a handler is called with, put together by hand: for unit tests of extractors.
///
/// ```
/// use evkafka::{State, handle::{Context, FromContext, OwnedContext}, record::OwnedRecord};
///
/// #[derive(Debug, PartialEq)]
/// struct Tenant(String);
///
/// impl<'r> FromContext<'r> for Tenant {
///     type Rejection = &'static str;
///
///     fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
///         let tenant = context.record().headers().get("tenant").ok_or("the record names no tenant")?;
///         Ok(Tenant(String::from_utf8_lossy(tenant).into_owned()))
///     }
/// }
///
/// let record = OwnedRecord::new("orders", 0, 7).header("tenant", "north");
/// let call = OwnedContext::new(record).state(42_u64).attempt(2);
/// assert_eq!(Tenant::from_context(&call.as_context()), Ok(Tenant("north".to_owned())));
/// assert_eq!(State::<u64>::from_context(&call.as_context()).unwrap().0, 42);
///
/// let call = OwnedContext::new(OwnedRecord::new("orders", 0, 8));
/// assert_eq!(Tenant::from_context(&call.as_context()), Err("the record names no tenant"));
/// ```
#[derive(Debug)]
pub struct OwnedContext {
    record: OwnedRecord,
    event: EventIdentity<'static>,
    states: States,
    cancellation: CancellationToken,
    attempt: u32,
}

/// Where a consumer reads the event type unless it is told otherwise.
const EVENT_TYPE_HEADER: &str = "Event-Type";

impl OwnedContext {
    /// The first attempt at this record, in an app without a state. The event type is that of the record's header `Event-Type`, if it has
    /// one.
    pub fn new(record: OwnedRecord) -> Self {
        let event_type = record.as_record().headers().get(EVENT_TYPE_HEADER).map(<[u8]>::to_vec);
        Self {
            record,
            event: event_type.map(EventIdentity::owned).unwrap_or_default(),
            states: States::default(),
            cancellation: CancellationToken::new(),
            attempt: 1,
        }
    }

    /// Sets the event type, which a consumer may read from another place. It has no version then.
    pub fn event_type(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.event = EventIdentity::owned(name.into());
        self
    }

    /// Sets the version of the event.
    pub fn event_version(mut self, version: u32) -> Self {
        self.event = self.event.with_version(version);
        self
    }

    /// Adds a state of the app's.
    ///
    /// # Panics
    /// If there is one of this type already: an app would be refused with it.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        assert!(
            self.states.insert(state),
            "there is a state of the type `{}` already",
            std::any::type_name::<T>()
        );
        self
    }

    /// Sets which attempt at the record it is: 1 for the first.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Sets the token that tells the handler to finish. As in an app, the handler is given a child of it: cancelling that one does not
    /// cancel this one.
    pub fn cancellation(mut self, token: CancellationToken) -> Self {
        self.cancellation = token;
        self
    }

    /// The view of it that extractors get.
    pub fn as_context(&self) -> Context<'_> {
        Context {
            record: self.record.as_record(),
            event: &self.event,
            payload: self.record.as_record().payload(),
            states: &self.states,
            cancellation: self.cancellation.inner(),
            attempt: self.attempt,
            thread: None,
            batch: &[],
        }
    }
}

/// The first attempt at a record.
impl From<OwnedRecord> for OwnedContext {
    fn from(record: OwnedRecord) -> Self {
        Self::new(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Headers, Key, Metadata, Raw, State,
        handle::{FromContext, extract::EventType},
        record::{Timestamp, TimestampKind},
    };

    #[test]
    fn every_extractor_gets_what_the_context_was_built_with() {
        let timestamp = Timestamp::new(99, TimestampKind::Create);
        let record = OwnedRecord::new("orders", 3, 42)
            .consumer("billing")
            .key("k")
            .payload("p")
            .header("Event-Type", "OrderPaid")
            .timestamp(timestamp);
        let token = CancellationToken::new();
        let owned = OwnedContext::new(record.clone()).state("state").attempt(4).cancellation(token.clone());
        let context = owned.as_context();
        let metadata =
            Metadata::new("orders", 3, 42).with_consumer("billing").with_timestamp(timestamp).with_attempt(4);
        assert_eq!(Metadata::from_context(&context).unwrap(), metadata);
        assert_eq!(Metadata::from(&record).with_attempt(4), metadata);
        assert_eq!(EventType::from_context(&context).unwrap(), EventType("OrderPaid"));
        assert_eq!(Key::from_context(&context).unwrap(), Key(Some(b"k")));
        assert_eq!(Raw::from_context(&context).unwrap(), Raw(b"p"));
        assert_eq!(State::<&str>::from_context(&context).unwrap(), State("state"));
        assert!(State::<u8>::from_context(&context).is_err());
        assert_eq!(Headers::from_context(&context).unwrap().get("Event-Type"), Some(&b"OrderPaid"[..]));
        let given = CancellationToken::from_context(&context).unwrap();
        assert!(!given.is_cancelled());
        token.cancel();
        assert!(given.is_cancelled());
        let other = OwnedContext::from(record).event_type("OrderRefunded");
        assert_eq!(EventType::from_context(&other.as_context()).unwrap(), EventType("OrderRefunded"));
    }

    #[test]
    #[should_panic(expected = "there is a state of the type `u8` already")]
    fn two_states_of_one_type_are_refused() {
        let _ = OwnedContext::new(OwnedRecord::new("orders", 0, 0)).state(1_u8).state(2_u8);
    }
}
