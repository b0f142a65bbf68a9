//! The one table of Kafka's error codes: what each says is wrong, and what that means for whoever is told.
//!
//! A code is looked up [once](Fault::of); each question has a function of its own, which answers for every [`Fault`] without a
//! fallback. So the answers to several questions cannot contradict each other by an oversight, and a fault that is added does not
//! compile until each question was thought about.

mod answers;
mod questions;

use rdkafka::error::RDKafkaErrorCode;

pub(crate) use self::answers::{
    Access, CommitAnswer, JoinAnswer, MemberAnswer, ReadAnswer, TopicAnswer, WriteAnswer,
};

/// What an error code says is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: the partition was read to its end.
    EndOfPartition,
    /// A broker cannot be reached, or the connection broke.
    Unreachable,
    /// None of the brokers can be reached.
    NoBroker,
    /// There was no answer in time.
    Unanswered,
    /// The cluster does not accept the client's credentials.
    Credentials,
    /// Client and cluster do not agree on TLS.
    Tls,
    /// Something on the way, here or at the broker, is busy, full or throttled.
    Busy,
    /// The partition has no leader, another one, too few replicas, or a disk that fails.
    Moving,
    /// The group has no coordinator at the moment, or another one.
    Coordinator,
    /// The group is rebalancing.
    Rebalancing,
    /// The group has settled without this member knowing of it yet.
    NewGeneration,
    /// The group does not know the member any more.
    Evicted,
    /// The metadata of a commit is larger than the brokers accept.
    MetadataTooLarge,
    /// What is committed of a partition is too large.
    CommitTooLarge,
    /// The topic or the partition does not exist, as far as the broker knows.
    NoTopic,
    /// The topic's name is not one.
    TopicName,
    /// The user may not use the topic.
    TopicForbidden,
    /// The user may not use the cluster in this way.
    ClusterForbidden,
    /// The user may not use the group.
    GroupForbidden,
    /// The group's name is not one.
    GroupName,
    /// Another member uses the same `group.instance.id`.
    InstanceId,
    /// The brokers reject the session timeout.
    SessionTimeout,
    /// The members have no assignment strategy in common.
    Strategy,
    /// The group is full.
    GroupFull,
    /// The record, or the batch that it is in, is too large.
    TooLarge,
    /// The broker rejects what the record, or another one of its batch, is, or how it is sent.
    Rejected,
    /// The broker rejects another record of its batch.
    OtherRejected,
    /// The data was damaged.
    Damaged,
    /// The broker and an idempotent producer disagree on what was sent before.
    Sequence,
    /// The broker is too old, or too new.
    Unsupported,
    /// The client met an error for good, and has to be replaced.
    Fatal,
    /// The client takes back what it had.
    Purged,
    /// The broker has no name for it, or librdkafka none for what the broker says.
    Unknown,
    /// Nothing that evkafka does leads to it.
    Other,
}

impl Fault {
    /// What `code` says is wrong.
    pub(crate) fn of(code: RDKafkaErrorCode) -> Self {
        Self::of_client(code)
            .or_else(|| Self::of_group(code))
            .or_else(|| Self::of_data(code))
            // Transactions, administration, delegation tokens, share groups, what only brokers say to each other; and codes of later
            // versions.
            .unwrap_or(Self::Other)
    }

    /// What librdkafka says by itself, and what brokers say of who and how old the client is.
    fn of_client(code: RDKafkaErrorCode) -> Option<Self> {
        use RDKafkaErrorCode as E;
        Some(match code {
            E::PartitionEOF => Self::EndOfPartition,
            // A connection that cannot be made or was closed; a name that has no address.
            E::BrokerTransportFailure | E::Resolve => Self::Unreachable,
            // Said with each poll for as long as it lasts.
            E::AllBrokersDown => Self::NoBroker,
            // By librdkafka's clock, and by the broker's.
            E::OperationTimedOut | E::RequestTimedOut => Self::Unanswered,
            // By librdkafka while it connects, and by the broker.
            E::Authentication | E::SaslAuthenticationFailed => Self::Credentials,
            E::SSL => Self::Tls,
            // The record waited too long for its acknowledgement, or to be sent.
            E::MessageTimedOut
            | E::TimedOutQueue
            // The producer's own queue is full.
            | E::QueueFull
            // librdkafka waits for an answer of its own.
            | E::WaitCache
            | E::InProgress
            | E::Retry => Self::Busy,
            E::UnsupportedVersion | E::UnsupportedFeature => Self::Unsupported,
            E::Fatal => Self::Fatal,
            // From the queue, from among what was sent, and because the client or its connection was destroyed.
            E::PurgeQueue | E::PurgeInflight | E::BrokerDestroy => Self::Purged,
            E::Unknown => Self::Unknown,
            _ => return None,
        })
    }

    /// What is said of a group, its members and what it has committed.
    fn of_group(code: RDKafkaErrorCode) -> Option<Self> {
        use RDKafkaErrorCode as E;
        Some(match code {
            E::CoordinatorLoadInProgress
            | E::CoordinatorNotAvailable
            | E::NotCoordinator
            // librdkafka's own: it looks for the coordinator.
            | E::WaitingForCoordinator => Self::Coordinator,
            // With `group.protocol=consumer`, a member whose epoch is behind is in the midst of one.
            E::RebalanceInProgress | E::StaleMemberEpoch => Self::Rebalancing,
            E::IllegalGeneration => Self::NewGeneration,
            E::UnknownMemberId | E::FencedMemberEpoch => Self::Evicted,
            E::OffsetMetadataTooLarge => Self::MetadataTooLarge,
            E::InvalidCommitOffsetSize => Self::CommitTooLarge,
            E::GroupAuthorizationFailed => Self::GroupForbidden,
            E::InvalidGroupId => Self::GroupName,
            // Taken over by another member, or still held by one.
            E::FencedInstanceId | E::UnreleasedInstanceId => Self::InstanceId,
            E::InvalidSessionTimeout => Self::SessionTimeout,
            // By the classic protocol, and by `group.protocol=consumer`.
            E::InconsistentGroupProtocol | E::UnsupportedAssignor => Self::Strategy,
            E::GroupMaxSizeReached => Self::GroupFull,
            _ => return None,
        })
    }

    /// What is said of topics, partitions and records.
    fn of_data(code: RDKafkaErrorCode) -> Option<Self> {
        use RDKafkaErrorCode as E;
        Some(match code {
            E::LeaderNotAvailable
            | E::NotLeaderForPartition
            | E::ReplicaNotAvailable
            | E::BrokerNotAvailable
            | E::PreferredLeaderNotAvailable
            // The broker's disk.
            | E::KafkaStorageError
            | E::NotEnoughReplicas
            | E::NotEnoughReplicasAfterAppend
            // Client and broker know of different leaders.
            | E::FencedLeaderEpoch
            | E::UnknownLeaderEpoch
            | E::NotController => Self::Moving,
            // The broker lost another one, or has a quota.
            E::NetworkException | E::ThrottlingQuotaExceeded => Self::Busy,
            E::UnknownTopicOrPartition
            // The topic was recreated: this was the one before.
            | E::UnknownTopicId
            // librdkafka's own, from the metadata that it has.
            | E::UnknownTopic
            | E::UnknownPartition => Self::NoTopic,
            E::InvalidTopic => Self::TopicName,
            E::TopicAuthorizationFailed => Self::TopicForbidden,
            E::ClusterAuthorizationFailed => Self::ClusterForbidden,
            E::MessageSizeTooLarge | E::MessageBatchTooLarge => Self::TooLarge,
            // A rule of the broker or the topic; a key that a compacted topic needs and the record lacks.
            E::InvalidRecord
            | E::InvalidTimestamp
            | E::PolicyViolation
            // `acks`, headers for an old format, a compression that the broker lacks; what librdkafka does not take.
            | E::InvalidRequiredAcks
            | E::UnsupportedForMessageFormat
            | E::UnsupportedCompressionType
            | E::InvalidArgument => Self::Rejected,
            // librdkafka's own: the broker, since Kafka 2.4, has named the records that it rejects, and this is none of them.
            E::InvalidDifferentRecord => Self::OtherRejected,
            // By its checksum, on the way or at rest.
            E::InvalidMessage => Self::Damaged,
            // The broker has forgotten the producer, which then begins a new epoch.
            E::OutOfOrderSequenceNumber
            | E::DuplicateSequenceNumber
            | E::UnknownProducerId
            | E::InvalidProducerEpoch
            | E::InvalidProducerIdMapping
            | E::ConcurrentTransactions
            // librdkafka's own: what was acknowledged is not what it expected.
            | E::Inconsistent => Self::Sequence,
            _ => return None,
        })
    }

    /// Whether it comes again and again for as long as it lasts, and says less than what came before it.
    pub(crate) fn says_nothing_new(self) -> bool {
        self == Self::NoBroker
    }
}

#[cfg(test)]
mod tests;
