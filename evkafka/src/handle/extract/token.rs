use std::convert::Infallible;

use super::CancellationToken;
use crate::handle::{Context, FromContext, RecordIndependent};

/// Tells a long handler that it has to come to an end; see [`Context::cancellation`].
impl<'r> FromContext<'r> for CancellationToken {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Infallible> {
        Ok(context.cancellation())
    }
}

impl RecordIndependent for CancellationToken {}
