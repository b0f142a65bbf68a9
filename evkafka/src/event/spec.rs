use super::Event;

/// What is known of an event's type at compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EventSpec {
    /// The event type.
    pub name: &'static str,
    /// Its version, if it has one.
    pub version: Option<u32>,
    /// Where it is sent, unless a call says otherwise.
    pub topic: Option<&'static str>,
}

impl EventSpec {
    /// That of a type.
    pub const fn of<E: Event + ?Sized>() -> &'static Self {
        const { &Self { name: E::NAME, version: E::VERSION, topic: E::TOPIC } }
    }
}
