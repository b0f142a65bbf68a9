use std::{convert::Infallible, fmt};

use crate::{
    handle::{Context, FromContext},
    shown::Hidden,
};

/// The record's key: its bytes, or `None` for a null key.
///
/// ```
/// use evkafka::{Key, handler};
///
/// #[handler(event = "OrderPaid")]
/// async fn on_order_paid(Key(key): Key<'_>) {
///     let _bytes: Option<&[u8]> = key;
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key<'r>(pub Option<&'r [u8]>);

/// How long it is: a key may be personal data, and is shown only by whoever takes it out.
impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&Hidden(self.0)).finish()
    }
}

impl<'r> FromContext<'r> for Key<'r> {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Infallible> {
        Ok(Key(context.record().key()))
    }
}
