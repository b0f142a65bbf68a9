use std::fmt;

use serde::Deserialize;

use crate::{
    decode::{self, DecodeError},
    handle::{Context, FromContext, OptionalFromContext},
    shown::Hidden,
};

/// The payload's bytes as they are, out of the envelope if the consumer's
/// [`event_type`](crate::ConsumerConfig::event_type) knows one. A null payload is rejected; `Option<Raw<'_>>` takes it as `None`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'r>(pub &'r [u8]);

/// How long it is: a payload may be personal data, and is shown only by whoever takes it out.
impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").field(&Hidden(Some(self.0))).finish()
    }
}

/// The payload as UTF-8 text, not decoded any further. A null payload is rejected; `Option<Text<'_>>` takes it as
/// `None`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'r>(pub &'r str);

/// As that of [`Raw`].
impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&Hidden(Some(self.0.as_bytes()))).finish()
    }
}

impl<'r> FromContext<'r> for Raw<'r> {
    type Rejection = DecodeError;

    fn from_context(context: &Context<'r>) -> Result<Self, DecodeError> {
        context.payload.map(Raw).ok_or_else(|| DecodeError::absent::<Self>(context.absent()))
    }
}

impl<'r> OptionalFromContext<'r> for Raw<'r> {
    type Rejection = DecodeError;

    fn from_context(context: &Context<'r>) -> Result<Option<Self>, DecodeError> {
        Ok(context.payload()?.map(Raw))
    }
}

impl<'r> FromContext<'r> for Text<'r> {
    type Rejection = DecodeError;

    fn from_context(context: &Context<'r>) -> Result<Self, DecodeError> {
        Option::<Text<'r>>::from_context(context)?
            .ok_or_else(|| DecodeError::absent::<Self>(context.absent()))
    }
}

impl<'r> OptionalFromContext<'r> for Text<'r> {
    type Rejection = DecodeError;

    fn from_context(context: &Context<'r>) -> Result<Option<Self>, DecodeError> {
        let Some(bytes) = context.payload()? else { return Ok(None) };
        str::from_utf8(bytes).map(|text| Some(Text(text))).map_err(|error| DecodeError::text(bytes, error))
    }
}

/// The handler deals with an undecodable payload itself.
impl<'r, T: Deserialize<'r>> FromContext<'r> for Result<T, DecodeError> {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
        Ok(decode::payload(context.payload, || context.absent()))
    }
}
