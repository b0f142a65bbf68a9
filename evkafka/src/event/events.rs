use super::{Event, EventSpec};

/// Which events a producer of an app sends.
///
/// ```
/// use evkafka::{Event, event::Events};
///
/// #[derive(Event)]
/// struct OrderPriced {}
///
/// #[derive(Event)]
/// struct OrderRefused {}
///
/// let events = Events::of::<OrderPriced>().and::<OrderRefused>();
/// # let _ = events;
/// ```
#[derive(Clone, Debug)]
pub struct Events(pub(crate) Option<Vec<&'static EventSpec>>);

impl Events {
    /// All that no other producer of the app is for.
    pub fn any() -> Self {
        Self(None)
    }

    /// This event, and those that are [added](Self::and).
    pub fn of<E: Event + ?Sized>() -> Self {
        Self(Some(vec![EventSpec::of::<E>()]))
    }

    /// This event too.
    #[must_use]
    pub fn and<E: Event + ?Sized>(self) -> Self {
        let mut events = self.0.unwrap_or_default();
        events.push(EventSpec::of::<E>());
        Self(Some(events))
    }
}
