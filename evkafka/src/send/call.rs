use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rdkafka::error::RDKafkaErrorCode;
use serde::Serialize;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout_at},
};

use super::{Again, Extras, NoTopic, Outlet, Refused, SendError, Then};
use crate::{
    client::Fault,
    event::{Event, EventKey, Outgoing, ToKey},
    handle::excused,
    native::{Answer, Delivery, RawRecord},
    traces::SendSpan,
};

/// An event that is about to be sent: await it, for the broker's acknowledgement, or [enqueue](Self::enqueue) it.
#[must_use = "an event is sent when the call is awaited"]
pub struct Sending<'s, E: ?Sized> {
    outlet: &'s Arc<Outlet>,
    /// The topic that the event names.
    topic: Option<&'static str>,
    event: &'s E,
    key: Key,
    extras: Extras,
}

/// Which key the record has.
enum Key {
    /// The event's.
    Events,
    Given(Vec<u8>),
    None,
}

/// Where an event was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Delivered {
    /// The partition.
    pub partition: i32,
    /// The record's offset in it.
    pub offset: i64,
}

impl<'s, E: Event + Serialize + ?Sized> Sending<'s, E> {
    pub(crate) fn new(
        outlet: &'s Arc<Outlet>,
        topic: Option<&'static str>,
        event: &'s E,
        extras: Extras,
    ) -> Self {
        let extras = Extras { stamp: outlet.form.stamp(), ..extras };
        Self { outlet, topic, event, key: Key::Events, extras }
    }

    /// Sends it to this topic, whatever the event and the producer say.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.extras.topic = Some(topic.into());
        self
    }

    /// Sends it with this key, in place of the event's.
    pub fn key(mut self, key: impl ToKey) -> Self {
        let mut bytes = Vec::new();
        let mut set = EventKey::new(&mut bytes);
        key.write_key(&mut set);
        self.key = if set.len().is_some() { Key::Given(bytes) } else { Key::None };
        self
    }

    /// Sends it without a key, so that it goes to any partition.
    pub fn no_key(mut self) -> Self {
        self.key = Key::None;
        self
    }

    /// Sends it to this partition, which otherwise follows from the key, or is random without one.
    pub fn partition(mut self, partition: i32) -> Self {
        self.extras.partition = Some(partition);
        self
    }

    /// Adds a header. A name may occur more than once; consumers read the last.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.extras.headers.push((name.as_ref().to_vec(), Some(value.as_ref().to_vec())));
        self
    }

    /// Sets the record's timestamp, in milliseconds; otherwise it is the time at which it is sent. The least is one
    /// millisecond after the beginning of 1970, because librdkafka takes 0 for now; what lies before counts as that.
    pub fn timestamp(mut self, timestamp: SystemTime) -> Self {
        let since = timestamp.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.extras.timestamp = Some(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).max(1));
        self
    }

    /// Puts the event into the producer's queue, and waits only if there is no room in it.
    ///
    /// Nobody waits for the acknowledgement. librdkafka retries the event within the producer's `delivery_timeout`. If it does not
    /// succeed, or a broker refuses the event or another one of its batch, or the client meets a fatal error and is replaced, the event is
    /// not sent again and may be lost: it is logged as an error, with the event's name. An event that must arrive is awaited instead, or
    /// returned by the handler: it is sent again in these cases.
    ///
    /// # Errors
    /// If the event cannot be encoded, has no topic, or the client does not take it: for a reason that does not pass, or within
    /// `delivery_timeout`, because it has no room, or met a fatal error and cannot be replaced.
    ///
    /// # Cancel safety
    /// Dropped while it waits, it has sent nothing.
    pub async fn enqueue(self) -> Result<(), SendError> {
        let outgoing = self.encode()?;
        let mut span = self.span();
        let enqueued = self.enqueue_in(&outgoing, &span).await;
        match &enqueued {
            Ok(()) => span.enqueued(),
            Err(error) => span.failed(error),
        }
        enqueued
    }

    async fn deliver(self) -> Result<Delivered, SendError> {
        let outlet = self.outlet;
        let delivered = self.deliver_uncounted().await;
        outlet.count(E::NAME, delivered.is_ok());
        delivered
    }

    async fn deliver_uncounted(self) -> Result<Delivered, SendError> {
        let outgoing = self.encode()?;
        let mut span = self.span();
        let delivered = self.deliver_in(&outgoing, &span).await;
        match &delivered {
            Ok(Delivered { partition, offset }) => span.acknowledged(*partition, *offset),
            Err(error) => span.failed(error),
        }
        delivered
    }

    /// It is sent in the span of the code that polls this.
    fn span(&self) -> SendSpan {
        let Outlet { name, form, tracer, .. } = &**self.outlet;
        match form.topic(self.topic, &self.extras) {
            Ok(topic) => tracer.begin(form, topic, name, E::NAME),
            // It is not sent.
            Err(NoTopic) => SendSpan::default(),
        }
    }

    async fn deliver_in(&self, outgoing: &Outgoing, span: &SendSpan) -> Result<Delivered, SendError> {
        let deadline = self.deadline();
        let mut again = Again::until(deadline);
        // What librdkafka takes at once it answers in time, without a timer here: it is told the same limit.
        let mut delivery = self.attempt(outgoing, span, &again).await?;
        loop {
            let code = match delivery {
                Ok((partition, offset)) => return Ok(Delivered { partition, offset }),
                Err(code) => code,
            };
            let another = async {
                self.until_another(outgoing, &mut again, code).await?;
                self.attempt(outgoing, span, &again).await
            };
            delivery = self.within(deadline, code, another).await?;
        }
    }

    async fn enqueue_in(&self, outgoing: &Outgoing, span: &SendSpan) -> Result<(), SendError> {
        // Before anything counts as on its way.
        self.named()?;
        let put = |again: &Again| self.put(outgoing, span, again, self.outlet.unawaited(E::NAME));
        // No time passes before the first answer: mostly nobody needs to know when it began.
        let Err(mut code) = put(&Again::default())? else { return Ok(()) };
        let deadline = self.deadline();
        let mut again = Again::until(deadline);
        loop {
            self.outlet.was_not_taken();
            self.within(deadline, code, self.until_another(outgoing, &mut again, code)).await?;
            match put(&again)? {
                Ok(()) => return Ok(()),
                Err(another) => code = another,
            }
        }
    }

    /// What follows on an answer, unless it is too late for anything.
    async fn within<T>(
        &self,
        deadline: Instant,
        code: RDKafkaErrorCode,
        follows: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        match timeout_at(deadline, follows).await {
            Ok(followed) => followed,
            Err(_) => {
                let code = match code {
                    // It waited for what its client is to have sent before.
                    RDKafkaErrorCode::Retry => RDKafkaErrorCode::MessageTimedOut,
                    code => code,
                };
                Err(SendError::unacknowledged(E::NAME, self.named()?, code))
            }
        }
    }

    /// Sends it once, and waits for the answer.
    async fn attempt(
        &self,
        outgoing: &Outgoing,
        span: &SendSpan,
        again: &Again,
    ) -> Result<Delivery, SendError> {
        let (answer, answered) = oneshot::channel();
        Ok(match self.put(outgoing, span, again, Answer::One(answer))? {
            Ok(()) => excused(answered).await.unwrap_or(Err(RDKafkaErrorCode::BrokerDestroy)),
            Err(code) => Err(code),
        })
    }

    /// Until when it is awaited, or sent again.
    fn deadline(&self) -> Instant {
        Instant::now() + self.outlet.form.delivery_timeout
    }

    /// Its topic.
    fn named(&self) -> Result<&str, SendError> {
        self.outlet.form.topic(self.topic, &self.extras).map_err(|NoTopic| SendError::no_topic(E::NAME))
    }

    fn encode(&self) -> Result<Outgoing, SendError> {
        let set_key = |key: &mut EventKey<'_>| match &self.key {
            Key::Events => self.event.key(key),
            Key::Given(given) => key.set_bytes(given),
            Key::None => {}
        };
        Outgoing::one(self.event, set_key).map_err(|error| SendError::encoding(&error))
    }

    /// Puts it into the producer's queue, or says why that does not take it.
    fn put(
        &self,
        outgoing: &Outgoing,
        span: &SendSpan,
        again: &Again,
        answer: Answer,
    ) -> Result<Result<(), RDKafkaErrorCode>, SendError> {
        let Some(event) = outgoing.first() else { return Ok(Ok(())) };
        let Outlet { producer, form, .. } = &**self.outlet;
        let enqueue = |record: RawRecord<'_>| producer.enqueue(record, again, answer);
        Ok(form.with_record(self.named()?, &event, &self.extras, span.headers(), enqueue))
    }

    /// Waits until it is to be sent again.
    ///
    /// # Errors
    /// If it is not.
    async fn until_another(
        &self,
        outgoing: &Outgoing,
        again: &mut Again,
        code: RDKafkaErrorCode,
    ) -> Result<(), SendError> {
        let Some(event) = outgoing.first() else { return Ok(()) };
        let Outlet { producer, form, .. } = &**self.outlet;
        let topic = self.named()?;
        let after = |record: RawRecord<'_>| producer.after(&record, again, code);
        match form.with_record(topic, &event, &self.extras, &[], after) {
            Ok(Then::Room) => excused(producer.room()).await,
            Ok(Then::After(wait)) => excused(sleep(wait)).await,
            Ok(Then::Alone | Then::Refused) => {}
            Err(refused) if Fault::of(refused.code).for_writing().is_refusal() => {
                return Err(SendError::refused(E::NAME, Some(topic), refused));
            }
            Err(Refused { code, .. }) => return Err(SendError::unacknowledged(E::NAME, topic, code)),
        }
        Ok(())
    }
}

/// Waits for the broker's acknowledgement.
///
/// # Errors
/// If the event cannot be encoded or has no topic; if the broker refuses it; if no broker acknowledges it within the producer's
/// `delivery_timeout`: then it may have been written all the same, also more than once. That time begins when the call is polled first,
/// and includes waiting for room in the producer's queue and sending the event again. librdkafka looks once a second for events that
/// are too late, so that the error may come a second after it.
///
/// # Cancel safety
/// Dropped, it may be sent all the same. It is not sent again then.
impl<'s, E: Event + Serialize + Sync + ?Sized> IntoFuture for Sending<'s, E> {
    type Output = Result<Delivered, SendError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 's>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.deliver())
    }
}

#[cfg(test)]
mod tests;
