//! What a [`Fault`] means for whoever is told. No question has a fallback: each answers for every fault by name.

use super::{Access, CommitAnswer, Fault, JoinAnswer, MemberAnswer, ReadAnswer, TopicAnswer, WriteAnswer};

impl Fault {
    /// As the answer to a commit.
    pub(crate) fn for_commit(self) -> CommitAnswer {
        use CommitAnswer as A;
        match self {
            // Refused as a whole, until the group has settled.
            Self::Rebalancing => A::Passing,
            Self::NewGeneration => A::PassingOrEvicted,
            Self::MetadataTooLarge => A::Shorter,
            Self::NoTopic => A::OfMissingTopic,
            Self::CommitTooLarge => A::OfOnePartition,
            Self::TopicForbidden => A::OfForbiddenTopic,
            Self::Evicted => A::Evicted,
            // Kafka says so of its coordinator, too, if the replicas have not confirmed in time what that has appended to its log. What
            // is out of reach librdkafka has sent again some times, in less than a second.
            Self::Coordinator | Self::Unreachable | Self::NoBroker | Self::Unanswered | Self::Busy => {
                A::Unclear
            }
            Self::GroupForbidden | Self::ClusterForbidden | Self::GroupName | Self::InstanceId => A::Final,
            Self::EndOfPartition
            | Self::Credentials
            | Self::Tls
            | Self::Moving
            | Self::TopicName
            | Self::SessionTimeout
            | Self::Strategy
            | Self::GroupFull
            | Self::TooLarge
            | Self::Rejected
            | Self::OtherRejected
            | Self::Damaged
            | Self::Sequence
            | Self::Unsupported
            | Self::Fatal
            | Self::Purged
            | Self::Unknown
            | Self::Other => A::Later,
        }
    }

    /// As an error of the client of a group's member.
    pub(crate) fn for_member(self) -> MemberAnswer {
        use MemberAnswer as A;
        match self {
            Self::Unreachable | Self::NoBroker => A::OutOfReach,
            Self::SessionTimeout => A::NotAdmitted(JoinAnswer::SessionTimeout),
            Self::Strategy => A::NotAdmitted(JoinAnswer::Strategy),
            Self::GroupForbidden => A::NotAdmitted(JoinAnswer::Forbidden),
            Self::InstanceId => A::NotAdmitted(JoinAnswer::InstanceId),
            Self::GroupFull => A::NotAdmitted(JoinAnswer::Full),
            Self::TopicForbidden
            | Self::ClusterForbidden
            | Self::GroupName
            | Self::Unsupported
            | Self::Fatal => A::Final,
            // librdkafka connects, joins and fetches again.
            Self::EndOfPartition
            | Self::Unanswered
            | Self::Credentials
            | Self::Tls
            | Self::Busy
            | Self::Moving
            | Self::Coordinator
            | Self::Rebalancing
            | Self::NewGeneration
            | Self::Evicted
            | Self::MetadataTooLarge
            | Self::CommitTooLarge
            | Self::NoTopic
            | Self::TopicName
            | Self::TooLarge
            | Self::Rejected
            | Self::OtherRejected
            | Self::Damaged
            | Self::Sequence
            | Self::Purged
            | Self::Unknown
            | Self::Other => A::Passing,
        }
    }

    /// In place of a partition's next record.
    pub(crate) fn for_reading(self) -> ReadAnswer {
        use ReadAnswer as A;
        match self {
            Self::EndOfPartition => A::End,
            // Fetched again, from the same offset, when there is a broker that has it. A topic may be recreated.
            Self::Unreachable
            | Self::NoBroker
            | Self::Unanswered
            | Self::Busy
            | Self::Moving
            | Self::NoTopic
            | Self::Unknown => A::Passing,
            // librdkafka goes on behind what it only takes for too large. But after an error it is told to go on behind the last record (its
            // position has passed over the next one), and what it fetches there it takes for too large again, without end.
            Self::TooLarge => A::Final,
            Self::Credentials
            | Self::Tls
            | Self::Coordinator
            | Self::Rebalancing
            | Self::NewGeneration
            | Self::Evicted
            | Self::MetadataTooLarge
            | Self::CommitTooLarge
            | Self::TopicName
            | Self::TopicForbidden
            | Self::ClusterForbidden
            | Self::GroupForbidden
            | Self::GroupName
            | Self::InstanceId
            | Self::SessionTimeout
            | Self::Strategy
            | Self::GroupFull
            | Self::Rejected
            | Self::OtherRejected
            | Self::Damaged
            | Self::Sequence
            | Self::Unsupported
            | Self::Fatal
            | Self::Purged
            | Self::Other => A::Final,
        }
    }

    /// In place of a record's acknowledgement.
    pub(crate) fn for_writing(self) -> WriteAnswer {
        use WriteAnswer as A;
        match self {
            // No broker has been asked, or none has answered, or it can for the moment not take it. What is damaged was so on the way.
            Self::Unreachable
            | Self::NoBroker
            | Self::Unanswered
            | Self::Credentials
            | Self::Tls
            | Self::Busy
            | Self::Moving
            | Self::Coordinator
            | Self::Damaged
            | Self::Sequence => A::Passing,
            // Brokers take or refuse a batch as a whole, and before Kafka 2.4 they do not say because of which records.
            Self::TooLarge | Self::Rejected | Self::OtherRejected => A::OfBatch,
            // What was asked is wrong, whoever is asked: name, version.
            Self::TopicName | Self::Unsupported => A::Final,
            Self::Fatal | Self::Purged => A::Unrelated,
            // Permissions are granted, and topics created, while an app runs, and brokers learn of it one after the other. Of what is
            // not known it is not known whether it passes.
            Self::TopicForbidden | Self::ClusterForbidden | Self::NoTopic | Self::Unknown | Self::Other => {
                A::Doubtful
            }
            // About reading and groups.
            Self::EndOfPartition
            | Self::Rebalancing
            | Self::NewGeneration
            | Self::Evicted
            | Self::MetadataTooLarge
            | Self::CommitTooLarge
            | Self::GroupForbidden
            | Self::GroupName
            | Self::InstanceId
            | Self::SessionTimeout
            | Self::Strategy
            | Self::GroupFull => A::Doubtful,
        }
    }

    /// In place of what a cluster says of a topic.
    pub(crate) fn for_topic(self) -> TopicAnswer {
        match self {
            Self::NoTopic => TopicAnswer::Missing,
            Self::TopicForbidden | Self::ClusterForbidden | Self::TopicName => TopicAnswer::Final,
            // Such as a leader being elected.
            Self::EndOfPartition
            | Self::Unreachable
            | Self::NoBroker
            | Self::Unanswered
            | Self::Credentials
            | Self::Tls
            | Self::Busy
            | Self::Moving
            | Self::Coordinator
            | Self::Rebalancing
            | Self::NewGeneration
            | Self::Evicted
            | Self::MetadataTooLarge
            | Self::CommitTooLarge
            | Self::GroupForbidden
            | Self::GroupName
            | Self::InstanceId
            | Self::SessionTimeout
            | Self::Strategy
            | Self::GroupFull
            | Self::TooLarge
            | Self::Rejected
            | Self::OtherRejected
            | Self::Damaged
            | Self::Sequence
            | Self::Unsupported
            | Self::Fatal
            | Self::Purged
            | Self::Unknown
            | Self::Other => TopicAnswer::Passing,
        }
    }

    /// As the reason why a client cannot connect.
    pub(crate) fn for_connecting(self) -> Access {
        match self {
            Self::Credentials => Access::Credentials,
            Self::Tls => Access::Certificate,
            Self::Unreachable => Access::Closed,
            Self::EndOfPartition
            | Self::NoBroker
            | Self::Unanswered
            | Self::Busy
            | Self::Moving
            | Self::Coordinator
            | Self::Rebalancing
            | Self::NewGeneration
            | Self::Evicted
            | Self::MetadataTooLarge
            | Self::CommitTooLarge
            | Self::NoTopic
            | Self::TopicName
            | Self::TopicForbidden
            | Self::ClusterForbidden
            | Self::GroupForbidden
            | Self::GroupName
            | Self::InstanceId
            | Self::SessionTimeout
            | Self::Strategy
            | Self::GroupFull
            | Self::TooLarge
            | Self::Rejected
            | Self::OtherRejected
            | Self::Damaged
            | Self::Sequence
            | Self::Unsupported
            | Self::Fatal
            | Self::Purged
            | Self::Unknown
            | Self::Other => Access::Silent,
        }
    }
}
