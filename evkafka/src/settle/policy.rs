use std::{error::Error, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use super::{Backoff, ErrorChain};

/// What to do with a record whose handling failed, in post-commit mode.
///
/// The default loses nothing: it tries for ever, with [`Backoff::default`] between attempts, and stops the app at a
/// record that cannot be decoded. A handler that fails after it was
/// [cancelled](crate::handle::Context::cancellation), at a shutdown or a revocation, has not failed in the sense of a policy.
/// A consumer has a policy
/// ([`ConsumerConfig::failure_policy`](crate::ConsumerConfig::failure_policy)), and a router may have another for its
/// handlers ([`Router::failure_policy`](crate::Router::failure_policy)).
///
/// ```
/// use std::time::Duration;
/// use evkafka::{Backoff, FailurePolicy, LastStep};
///
/// let policy = FailurePolicy::new()
///     .attempts(5)
///     .backoff(Backoff::exponential(Duration::from_millis(50), Duration::from_secs(10)))
///     .attempt_timeout(Duration::from_secs(30))
///     .final_if(|error| error.is::<std::num::ParseIntError>())
///     .last_step(LastStep::Skip);
/// # let _ = policy;
/// ```
/// # From a file or the environment
///
/// A policy is [`Deserialize`](serde::Deserialize), by itself or as the table `failure_policy` of a
/// [`ConsumerConfig`](crate::ConsumerConfig), under the names that its settings have there: `attempt_timeout`, `retry_attempts`,
/// `retry_backoff`, `retry_backoff_max`, `retry_last_step` and `dead_letter_topic`. Values are written as there; what is left out has its
/// default. Which errors are final is said in code:
///
/// ```
/// use evkafka::{ConsumerConfig, FailurePolicy, handler, router};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Settings {
///     orders: ConsumerConfig,
///     page_views: FailurePolicy,
/// }
///
/// #[handler(event = "PageViewed")]
/// async fn on_page_viewed() {}
///
/// let settings: Settings = toml::from_str(r#"
///     [orders]
///     topics = ["orders"]
///     failure_policy = { retry_attempts = 5, dead_letter_topic = "orders.dead" }
///
///     [page_views]
///     retry_attempts = 2
///     retry_last_step = "skip"
/// "#)?;
/// let policy = settings.page_views.final_if(|error| error.is::<std::num::ParseIntError>());
/// let router = router![on_page_viewed].failure_policy(policy);
/// # let _ = router;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct FailurePolicy {
    attempts: Option<NonZeroU32>,
    attempt_timeout: Duration,
    is_final: Option<Arc<IsFinal>>,
    pub(crate) backoff: Backoff,
    pub(crate) last_step: LastStep,
}

type IsFinal = dyn Fn(&ErrorChain<'_>) -> bool + Send + Sync;

/// A handler that hangs must not hold its partition for ever without a word. Kafka's own clients take a consumer for dead after
/// as long (`max.poll.interval.ms`).
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(300);

impl Default for FailurePolicy {
    fn default() -> Self {
        Self {
            attempts: None,
            attempt_timeout: ATTEMPT_TIMEOUT,
            is_final: None,
            backoff: Backoff::default(),
            last_step: LastStep::default(),
        }
    }
}

/// What to do with a record that no further attempt is made at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LastStep {
    /// Stop the app with an error that names the record. Its offset is not committed.
    #[default]
    Stop,
    /// Log it as an error and go on. The record is lost to this group: its offset is committed.
    Skip,
    /// Send it to a topic of dead letters on the same cluster, and go on once the broker has acknowledged it there; see
    /// [`FailurePolicy::dead_letter`].
    DeadLetter {
        /// The topic's name.
        topic: Arc<str>,
    },
}

impl FailurePolicy {
    /// The default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the attempts at a record, the first one included. Zero counts as one. Default: no limit.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.limit(attempts);
        self
    }

    /// Sets the wait between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Limits the time of one attempt: a handler that takes longer is dropped where it stands, and the attempt has failed
    /// ([`FailureKind::Timeout`](super::FailureKind::Timeout)). Default: five minutes; `Duration::MAX` for no limit. It must be
    /// longer than zero.
    ///
    /// A long handler does not cost its consumer the partition, as the group is kept alive meanwhile: what needs ten minutes
    /// needs no more than a limit of its own. A plain function on the blocking pool cannot be dropped, and so has no limit: a
    /// second attempt would run beside the first.
    #[must_use]
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.limit_attempt_time(limit);
        self
    }

    /// Says which errors of handlers no further attempt can mend; the last step is taken at once for them. A panic in it counts as
    /// "no". A second call replaces the first.
    ///
    /// It is asked about the error that the handler returned, together with its causes: [`ErrorChain::is`] finds an error of a type
    /// behind others that wrap it. A handler may return it by itself, boxed, or in an `anyhow::Error` or an `eyre::Report`, with or
    /// without context:
    ///
    /// ```
    /// use evkafka::{FailurePolicy, handler};
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("the order is closed")]
    /// struct OrderClosed;
    ///
    /// #[handler(event = "OrderChanged")]
    /// async fn on_order_changed() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     Err(OrderClosed)?
    /// }
    ///
    /// let policy = FailurePolicy::new().final_if(|error| error.is::<OrderClosed>());
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub fn final_if(mut self, is_final: impl Fn(&ErrorChain<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.is_final = Some(Arc::new(is_final));
        self
    }

    /// Sets what is done when the attempts are used up, or when no attempt can help.
    #[must_use]
    pub fn last_step(mut self, last_step: LastStep) -> Self {
        self.last_step = last_step;
        self
    }

    /// Sends records that no further attempt is made at to this topic on the same cluster. (The last step
    /// [`LastStep::DeadLetter`].)
    ///
    /// A dead letter has the record's key, payload and headers as they were, and headers that say what became of it,
    /// whose names begin with [`DEAD_LETTER_PREFIX`](super::DEAD_LETTER_PREFIX): `topic`, `partition`, `offset`, `timestamp`
    /// (ms since 1970), `path` (the topics that it has come through since it was last sent by hand), `consumer`, `group`, `event`, `handler`, `attempts`, `error` (with its causes, at most 2 KiB), `time`
    /// (when it was given up, ms since 1970). Other values are cut after 500 bytes; `…` marks a cut. The record's offset is
    /// committed only after the broker has acknowledged the dead letter; until then its partition (or key) waits.
    ///
    /// The topic must exist when the app starts. If it refuses a record for good (too large, without a key in a compacted topic,
    /// no permission to write for 30 s), the app ends with an error that names the record and what to change, and the record is
    /// not committed. So it does at a record that would come back to a topic that it came through as a dead letter: it would go
    /// round without end. Dead letters are compressed with gzip; the property `compression.type` changes that.
    #[must_use]
    pub fn dead_letter(self, topic: impl Into<Arc<str>>) -> Self {
        self.last_step(LastStep::DeadLetter { topic: topic.into() })
    }

    pub(crate) fn dead_letter_topic(&self) -> Option<&Arc<str>> {
        match &self.last_step {
            LastStep::DeadLetter { topic } => Some(topic),
            LastStep::Stop | LastStep::Skip => None,
        }
    }

    pub(crate) fn limit(&mut self, attempts: u32) {
        self.attempts = Some(NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN));
    }

    pub(crate) fn limit_attempt_time(&mut self, limit: Duration) {
        self.attempt_timeout = limit;
    }

    pub(crate) fn time_limit(&self) -> Option<Duration> {
        Some(self.attempt_timeout).filter(|&limit| limit < Duration::MAX)
    }

    pub(super) fn allows_another(&self, attempt: u32) -> bool {
        self.attempts.is_none_or(|attempts| attempt < attempts.get())
    }

    pub(super) fn is_final(&self, error: &(dyn Error + 'static)) -> bool {
        let Some(is_final) = &self.is_final else { return false };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| is_final(&ErrorChain::new(error))))
            .unwrap_or(false)
    }
}

/// Policies with a predicate are equal only if they share it.
impl PartialEq for FailurePolicy {
    fn eq(&self, other: &Self) -> bool {
        let same_predicate = match (&self.is_final, &other.is_final) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (None, None) => true,
            _ => false,
        };
        same_predicate
            && (self.attempts, self.attempt_timeout, self.backoff, &self.last_step)
                == (other.attempts, other.attempt_timeout, other.backoff, &other.last_step)
    }
}

impl fmt::Debug for FailurePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailurePolicy")
            .field("attempts", &self.attempts)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("has_final_errors", &self.is_final.is_some())
            .field("backoff", &self.backoff)
            .field("last_step", &self.last_step)
            .finish()
    }
}
