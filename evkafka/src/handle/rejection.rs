use super::{Attempt, BoxError};

/// Why an extractor did not make its argument, and whether another attempt may.
///
/// Whatever converts into a boxed error (`std` errors, `String`, `&str`, `anyhow::Error`) is [final](Self::Final), so `?` says that; an
/// error that may pass is marked by [`Rejection::retry`].
///
/// ```
/// use evkafka::handle::Rejection;
///
/// # fn look_up(_: &str) -> Result<u32, std::io::Error> { Ok(7) }
/// fn account(tenant: Option<&str>) -> Result<u32, Rejection> {
///     let tenant = tenant.ok_or("the record names no tenant")?;
///     look_up(tenant).map_err(Rejection::retry)
/// }
/// # assert!(account(Some("blue")).is_ok());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The record will never give the argument. It is treated as undecodable: the failure policy's last step is taken at once.
    Final(BoxError),
    /// What the argument needs is not to be had at the moment. It is a failed attempt, as if the handler had returned this error: the
    /// failure policy decides about others.
    Retry(BoxError),
}

impl Rejection {
    /// An error that another attempt may not meet.
    pub fn retry(error: impl Into<BoxError>) -> Self {
        Self::Retry(error.into())
    }

    /// How the attempt ended.
    pub(crate) fn into_attempt(self) -> Attempt {
        match self {
            Self::Final(cause) => Attempt::Undecodable(cause),
            Self::Retry(cause) => Attempt::Failed(cause),
        }
    }
}

/// No other attempt would do.
impl<E: Into<BoxError>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}
