use std::any::type_name;

use crate::handle::{Context, FromContext, RecordIndependent, Requirements};

/// A clone of the app's state of type `T`.
///
/// Wrap what is shared in an `Arc` (or use a handle that is one inside, such as a connection pool): the clone is made
/// for each record. An app that lacks the state is refused when it starts, before anything is consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State<T>(pub T);

/// The app has no state of this type. An app does not start with such a lack, so it is met only where an extractor
/// asks for a state that it did not declare in [`FromContext::requires`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the app has no state of type `{0}`")]
pub struct MissingState(&'static str);

impl<'r, T: Clone + Send + Sync + 'static> FromContext<'r> for State<T> {
    type Rejection = MissingState;

    fn from_context(context: &Context<'r>) -> Result<Self, MissingState> {
        context.state::<T>().cloned().map(State).ok_or(MissingState(type_name::<T>()))
    }

    fn requires(requirements: &mut Requirements) {
        requirements.state::<T>();
    }
}

impl<T> RecordIndependent for State<T> {}
