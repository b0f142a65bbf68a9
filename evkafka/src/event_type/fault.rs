/// Why a text names no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceFault {
    /// There is no such kind of place.
    Unknown,
    /// `kind:` has to be followed by a name, and is not.
    NoName(&'static str),
    /// This kind has no name, and was given one.
    NeedsNoName(&'static str),
}
