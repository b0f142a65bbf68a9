use std::convert::Infallible;

use crate::{
    handle::{Context, FromContext},
    record::Headers,
};

impl<'r> FromContext<'r> for Headers<'r> {
    type Rejection = Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Infallible> {
        Ok(context.record().headers())
    }
}
