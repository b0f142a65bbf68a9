use std::convert::Infallible;

use crate::handle::{Context, FromContext};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'r>(pub Option<&'r [u8]>);

impl<'r> FromContext<'r> for Key<'r> {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Infallible> {
        Ok(Key(context.record().key()))
    }
}
