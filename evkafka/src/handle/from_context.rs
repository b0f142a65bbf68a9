use super::{Context, Rejection, Requirements};

/// A handler's argument that is drawn from the [`Context`] of the call: an extractor.
///
/// Implement it for types of your own:
///
/// ```
/// use evkafka::handle::{Context, FromContext};
///
/// struct Tenant(String);
///
/// impl<'r> FromContext<'r> for Tenant {
///     type Rejection = &'static str;
///
///     fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
///         let tenant = context.record().headers().get("tenant").ok_or("the record names no tenant")?;
///         Ok(Tenant(String::from_utf8_lossy(tenant).into_owned()))
///     }
/// }
/// ```
///
/// A unit test calls it with the context of an [`OwnedContext`](super::OwnedContext).
///
/// By default a rejection is final, like a payload that does not decode: it would be the same the next time. A [`Rejection`] says which
/// are not. An extractor that has to wait implements [`AsyncFromContext`] instead, and one that can be taken in an `Option`
/// [`OptionalFromContext`] too.
///
/// An extractor must not implement [`Deserialize`](serde::Deserialize) as well: every deserializable type already is an argument, the payload.
pub trait FromContext<'r>: Sized {
    /// Why the argument could not be made: any error, or a [`Rejection`].
    type Rejection: Into<Rejection>;

    /// Makes the argument.
    ///
    /// # Errors
    /// When the record does not carry what the argument needs.
    fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection>;

    /// What it needs from the app; a lack is refused when the app starts.
    fn requires(requirements: &mut Requirements) {
        let _ = requirements;
    }
}

/// An extractor `T` that handlers may take as `Option<T>` too, for records that do not carry what it needs.
///
/// ```
/// use evkafka::handle::{Context, FromContext, OptionalFromContext};
///
/// struct Tenant<'r>(&'r str);
///
/// /// `None` if no tenant is named; one that is no text is an error in both cases.
/// impl<'r> OptionalFromContext<'r> for Tenant<'r> {
///     type Rejection = std::str::Utf8Error;
///
///     fn from_context(context: &Context<'r>) -> Result<Option<Self>, Self::Rejection> {
///         let tenant = context.record().headers().get("tenant");
///         tenant.map(|tenant| str::from_utf8(tenant).map(Tenant)).transpose()
///     }
/// }
///
/// impl<'r> FromContext<'r> for Tenant<'r> {
///     type Rejection = Box<dyn std::error::Error + Send + Sync>;
///
///     fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
///         Option::<Tenant<'r>>::from_context(context)?.ok_or_else(|| "the record names no tenant".into())
///     }
/// }
///
/// #[evkafka::handler(event = "OrderCreated")]
/// async fn on_order_created(tenant: Option<Tenant<'_>>) {
///     println!("{:?}", tenant.map(|Tenant(name)| name));
/// }
/// ```
pub trait OptionalFromContext<'r>: Sized {
    /// Why the argument could not be made: any error, or a [`Rejection`].
    type Rejection: Into<Rejection>;

    /// Makes the argument; `None` if the record does not carry what it needs.
    ///
    /// # Errors
    /// When the record carries something else.
    fn from_context(context: &Context<'r>) -> Result<Option<Self>, Self::Rejection>;

    /// What it needs from the app; a lack is refused when the app starts.
    fn requires(requirements: &mut Requirements) {
        let _ = requirements;
    }
}

impl<'r, T: OptionalFromContext<'r>> FromContext<'r> for Option<T> {
    type Rejection = T::Rejection;

    fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
        T::from_context(context)
    }

    fn requires(requirements: &mut Requirements) {
        T::requires(requirements);
    }
}

/// An extractor that has to wait: for a lookup in a registry or a database, say. Otherwise it is as [`FromContext`].
///
/// ```
/// use evkafka::handle::{AsyncFromContext, Context, Rejection, Requirements};
///
/// # #[derive(Clone)]
/// # struct Registry;
/// # impl Registry { async fn find(&self, _: &[u8]) -> Result<u64, std::io::Error> { Ok(7) } }
/// struct Account(u64);
///
/// impl<'r> AsyncFromContext<'r> for Account {
///     type Rejection = Rejection;
///
///     async fn from_context(context: &'r Context<'r>) -> Result<Self, Rejection> {
///         let registry = context.state::<Registry>().ok_or("there is no registry")?;
///         let tenant = context.record().headers().get("tenant").ok_or("the record names no tenant")?;
///         registry.find(tenant).await.map(Account).map_err(Rejection::retry)
///     }
///
///     fn requires(requirements: &mut Requirements) {
///         requirements.state::<Registry>();
///     }
/// }
///
/// /// The blocking pool is entered with the account found.
/// #[evkafka::handler(event = "OrderCreated")]
/// fn on_order_created(Account(account): Account) {
///     println!("{account}");
/// }
/// ```
///
/// Its future is boxed. The wait is part of the attempt: it counts towards the failure policy's time limit, and the record is in flight meanwhile. Arguments are
/// made one after the other, in a batch those of one record after those of the other; what is looked up often is worth a cache.
///
/// # Cancel safety
/// The future is dropped where the handler's would be: at the time limit, and when the time for the shutdown is over.
pub trait AsyncFromContext<'r>: Sized + Send + 'r {
    /// Why the argument could not be made: any error, or a [`Rejection`].
    type Rejection: Into<Rejection>;

    /// Makes the argument. Implement it as an `async fn`.
    ///
    /// # Errors
    /// When the argument cannot be made.
    fn from_context(context: &'r Context<'r>) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// What it needs from the app; a lack is refused when the app starts.
    fn requires(requirements: &mut Requirements) {
        let _ = requirements;
    }
}
