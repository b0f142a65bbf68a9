use std::{
    ffi::{CStr, c_char, c_int},
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    sync::Arc,
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    bindings::{
        RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_REBALANCE, RD_KAFKA_EVENT_STATS, rd_kafka_assignment_lost,
        rd_kafka_conf_set_events, rd_kafka_consumer_close_queue, rd_kafka_consumer_closed,
        rd_kafka_consumer_group_metadata, rd_kafka_consumer_group_metadata_destroy,
        rd_kafka_consumer_group_metadata_generation_id, rd_kafka_consumer_group_metadata_member_id,
        rd_kafka_incremental_assign, rd_kafka_incremental_unassign, rd_kafka_poll_set_consumer,
        rd_kafka_queue_destroy, rd_kafka_queue_get_consumer, rd_kafka_queue_get_main, rd_kafka_queue_poll,
        rd_kafka_queue_t, rd_kafka_rebalance_protocol, rd_kafka_t, rd_kafka_topic_partition_list_t,
    },
    client::{Client, DefaultClientContext},
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaType,
};

use super::{
    ClientHandle, Event,
    error_code::{from_number, into_result},
    list::PartitionList,
    millis::millis,
};
use crate::logged::logged;

// As in rdkafka's bindings, but that the error comes as a number: a broker may have sent one that their enumeration lacks.
unsafe extern "C" {
    fn rd_kafka_subscribe(client: *mut rd_kafka_t, topics: *const rd_kafka_topic_partition_list_t) -> c_int;
    fn rd_kafka_unsubscribe(client: *mut rd_kafka_t) -> c_int;
    fn rd_kafka_assign(client: *mut rd_kafka_t, partitions: *const rd_kafka_topic_partition_list_t) -> c_int;
    fn rd_kafka_assignment(
        client: *mut rd_kafka_t,
        partitions: *mut *mut rd_kafka_topic_partition_list_t,
    ) -> c_int;
}

/// How often a client that is to be closed looks whether it is still in use.
const LOOKS_AGAIN: Duration = Duration::from_millis(100);

/// A consumer together with the handle that everything taken from it holds.
///
/// rdkafka's own consumers read the numbers of errors as values of an enumeration, also those that it lacks, and assign and revoke
/// partitions in a callback; so this one is polled, and told what to read, by functions of ours.
///
/// Dropping it closes the consumer (leaves the group), which has no deadline of its own: drop it on a thread that nobody
/// has to wait for. What the client has asked for before must have been answered. If a clone of the handle is still alive then, it
/// waits until none is, for as long as that takes.
pub(crate) struct OwnedClient {
    /// Its drop destroys the client.
    client: ManuallyDrop<Client<DefaultClientContext>>,
    /// Where the client's events arrive. A reference of our own, given back before the client is destroyed.
    events: NonNull<rd_kafka_queue_t>,
    /// Whether it is a member of a group, and so has to be closed.
    has_group: bool,
    /// Whose it is, for the log.
    consumer: Arc<str>,
    handle: Arc<ClientHandle>,
}

// SAFETY: librdkafka's clients and queues may be used from any thread, and nothing of it belongs to the thread that created it.
unsafe impl Send for OwnedClient {}

impl OwnedClient {
    /// # Errors
    /// If librdkafka does not take the settings.
    pub(crate) fn new(settings: &ClientConfig) -> Result<Self, KafkaError> {
        let native = settings.create_native_config()?;
        let events = RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS;
        // SAFETY: the settings are alive. What does not come as an event is not asked for.
        unsafe { rd_kafka_conf_set_events(native.ptr(), events) };
        let client = Client::new(settings, native, RDKafkaType::RD_KAFKA_CONSUMER, DefaultClientContext)?;
        let pointer = NonNull::new(client.native_ptr()).expect("a client that was created");
        let has_group = settings.get("group.id").is_some();
        // SAFETY: the client is alive. With a group, all events arrive at the group's queue. The reference that is returned is
        // ours, or null without a group.
        let events = unsafe {
            if has_group {
                from_number(rd_kafka_poll_set_consumer(pointer.as_ptr()) as c_int)
                    .map_err(KafkaError::Global)?;
                rd_kafka_queue_get_consumer(pointer.as_ptr())
            } else {
                rd_kafka_queue_get_main(pointer.as_ptr())
            }
        };
        let events = NonNull::new(events).expect("a consumer of a group has a queue");
        // SAFETY: the client is destroyed by the drop of this object, which waits until nobody else has the handle.
        let handle = Arc::new(unsafe { ClientHandle::new(pointer, settings) });
        Ok(Self { client: ManuallyDrop::new(client), events, has_group, consumer: "".into(), handle })
    }

    /// The client of this consumer.
    pub(crate) fn of(mut self, consumer: &Arc<str>) -> Self {
        self.consumer = Arc::clone(consumer);
        self
    }

    pub(crate) fn handle(&self) -> &Arc<ClientHandle> {
        &self.handle
    }

    /// Whether queues, batches or commits of this client are still alive.
    pub(crate) fn in_use(&self) -> bool {
        Arc::strong_count(&self.handle) > 1
    }

    /// Waits for an event, for at most `timeout` (in steps of a millisecond; zero does not wait).
    ///
    /// An assignment and a revocation have to be answered, by [`Self::assign`] and [`Self::unassign`]. They may take their time: the
    /// client waits with whatever the group is to do next, and keeps its membership alive meanwhile, as long as it is polled.
    pub(crate) fn poll(&self, timeout: Duration) -> Option<Event> {
        // SAFETY: queue and client are alive; the event is ours.
        let event = NonNull::new(unsafe { rd_kafka_queue_poll(self.events.as_ptr(), millis(timeout)) })?;
        // SAFETY: as said; it is destroyed here.
        Some(unsafe { Event::take(event) })
    }

    /// # Errors
    /// If librdkafka does not take the topics, or has failed for good.
    pub(crate) fn subscribe<'t>(
        &self,
        topics: impl IntoIterator<Item = &'t str>,
    ) -> Result<(), RDKafkaErrorCode> {
        let mut list = PartitionList::with_capacity(0);
        for topic in topics {
            list.add(topic, -1);
        }
        // SAFETY: client and list are alive; the list is copied.
        from_number(unsafe { rd_kafka_subscribe(self.handle.as_ptr(), list.as_ptr()) })
    }

    /// Leaves the group when what is assigned has been revoked, which the client asks for if there is any.
    pub(crate) fn unsubscribe(&self) {
        // SAFETY: the client is alive. It fails only without a group.
        unsafe { rd_kafka_unsubscribe(self.handle.as_ptr()) };
    }

    /// Takes over these partitions, as the client has asked for.
    ///
    /// # Errors
    /// In librdkafka's words.
    pub(crate) fn assign(&self, partitions: &PartitionList) -> Result<(), String> {
        let (client, list) = (self.handle.as_ptr(), partitions.as_ptr());
        // SAFETY: client and list are alive; the list is copied; the error is ours.
        unsafe {
            if self.is_cooperative() {
                into_result(rd_kafka_incremental_assign(client, list))
            } else {
                from_number(rd_kafka_assign(client, list)).map_err(|code| code.to_string())
            }
        }
    }

    /// Gives up these partitions, as the client has asked for.
    ///
    /// # Errors
    /// In librdkafka's words.
    pub(crate) fn unassign(&self, partitions: &PartitionList) -> Result<(), String> {
        let (client, list) = (self.handle.as_ptr(), partitions.as_ptr());
        // SAFETY: as in `assign`. A group whose members give up all they have at each rebalance unassigns all by null.
        unsafe {
            if self.is_cooperative() {
                into_result(rd_kafka_incremental_unassign(client, list))
            } else {
                from_number(rd_kafka_assign(client, ptr::null())).map_err(|code| code.to_string())
            }
        }
    }

    /// How many partitions are assigned.
    pub(crate) fn count_assigned(&self) -> usize {
        let mut list = ptr::null_mut();
        // SAFETY: the client is alive, and what it writes on success is a list of our own.
        let result = from_number(unsafe { rd_kafka_assignment(self.handle.as_ptr(), &mut list) });
        // SAFETY: as said.
        let list = NonNull::new(list).map(|list| unsafe { PartitionList::from_raw(list) });
        list.filter(|_| result.is_ok()).map_or(0, |list| list.elements().len())
    }

    /// Whether the assigned partitions belong to others already. It is known when their revocation is asked for.
    pub(crate) fn has_lost_assignment(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { rd_kafka_assignment_lost(self.handle.as_ptr()) == 1 }
    }

    /// Whether the client is no member of its group (any more): it has no member id or no generation.
    pub(crate) fn is_outside_group(&self) -> bool {
        self.membership().is_none_or(|(_, generation)| generation < 0)
    }

    /// What the brokers call the member, if they have given it a name.
    pub(crate) fn member_id(&self) -> Option<String> {
        self.membership().map(|(id, _)| id)
    }

    /// The member's id, if it has one, and the generation of its group.
    fn membership(&self) -> Option<(String, i32)> {
        // SAFETY: the client is alive; the metadata is ours, and the id, which is copied, lives as long.
        unsafe {
            let metadata = NonNull::new(rd_kafka_consumer_group_metadata(self.handle.as_ptr()))?.as_ptr();
            let id: *const c_char = rd_kafka_consumer_group_metadata_member_id(metadata);
            let id = (!id.is_null()).then(|| CStr::from_ptr(id).to_string_lossy().into_owned());
            let generation = rd_kafka_consumer_group_metadata_generation_id(metadata);
            rd_kafka_consumer_group_metadata_destroy(metadata);
            Some((id.filter(|id| !id.is_empty())?, generation))
        }
    }

    /// Whether members keep what they need not give up at a rebalance.
    fn is_cooperative(&self) -> bool {
        // SAFETY: the client is alive; the name is a constant of librdkafka's, or null outside of a group.
        unsafe {
            let protocol = rd_kafka_rebalance_protocol(self.handle.as_ptr());
            !protocol.is_null() && CStr::from_ptr(protocol) == c"COOPERATIVE"
        }
    }

    /// Leaves the group. What is asked for meanwhile is answered at once: the client waits for it.
    fn close(&self) {
        // SAFETY: client and queue are alive; the error is ours.
        let closing =
            unsafe { into_result(rd_kafka_consumer_close_queue(self.handle.as_ptr(), self.events.as_ptr())) };
        if closing.is_err() {
            // After a fatal error there is nothing to leave.
            return;
        }
        // SAFETY: the client is alive.
        while unsafe { rd_kafka_consumer_closed(self.handle.as_ptr()) } == 0 {
            let answered = match self.poll(Duration::from_millis(100)) {
                Some(Event::Assign(partitions)) => self.assign(&partitions),
                Some(Event::Revoke(partitions)) => self.unassign(&partitions),
                _ => Ok(()),
            };
            if let Err(error) = answered {
                logged(
                    || tracing::debug!(target: "evkafka::consumer", consumer = %self.consumer, error, "the client rejects the answer to a rebalance while it closes"),
                );
            }
        }
    }
}

impl Drop for OwnedClient {
    fn drop(&mut self) {
        // First of all, and whatever is still in use: a client that is left behind as a member would keep its partitions from others.
        if self.has_group {
            self.close();
        }
        if self.in_use() {
            logged(|| {
                tracing::warn!(
                    target: "evkafka::consumer",
                    consumer = %self.consumer,
                    "a handler outlives its consumer, whose client is closed when that handler has finished"
                );
            });
            while self.in_use() {
                thread::sleep(LOOKS_AGAIN);
            }
        }
        // SAFETY: both are dropped once, here, the queue before the client. No clone of the handle is left, and none can be made
        // while `self` is being dropped: clones are made from `self.handle` or from another clone only.
        unsafe {
            rd_kafka_queue_destroy(self.events.as_ptr());
            ManuallyDrop::drop(&mut self.client);
        }
    }
}
