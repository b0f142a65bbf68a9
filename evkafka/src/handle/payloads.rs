//! Refuses, at compile time, a handler that takes two payloads.

/// Stops the compilation if the argument at `index` is the payload, and one before it is too.
///
/// # Panics
/// In that case, with a message that says so.
#[track_caller]
pub const fn check(are_payloads: &[bool], index: usize) {
    let mut before = 0;
    while are_payloads[index] && before < index {
        assert!(
            !are_payloads[before],
            "a second payload: a record has one, and every argument that is `Deserialize` is decoded from it; take one struct (with \
             `#[serde(flatten)]` for two views of the payload), `State<T>`, or a type that implements `evkafka::handle::FromContext`"
        );
        before += 1;
    }
}
