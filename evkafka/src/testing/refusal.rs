use rdkafka::error::RDKafkaErrorCode;

/// What a topic says to records that it does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Too few replicas are there. That passes: the record is sent again.
    NotEnoughReplicas,
    /// The broker did not answer in time. That passes: the record is sent again.
    TimedOut,
    /// The user may not write to the topic. The record is sent again for half a minute, and refused then.
    NotAuthorized,
    /// The topic is not there. The record is sent again for half a minute, and refused then.
    UnknownTopic,
    /// The record is larger than the topic takes. It is refused.
    TooLarge,
    /// The record breaks a rule of the topic, as one without a key does where it is compacted. It is refused.
    InvalidRecord,
}

impl Refusal {
    pub(super) fn code(self) -> RDKafkaErrorCode {
        match self {
            Self::NotEnoughReplicas => RDKafkaErrorCode::NotEnoughReplicas,
            Self::TimedOut => RDKafkaErrorCode::RequestTimedOut,
            Self::NotAuthorized => RDKafkaErrorCode::TopicAuthorizationFailed,
            Self::UnknownTopic => RDKafkaErrorCode::UnknownTopicOrPartition,
            Self::TooLarge => RDKafkaErrorCode::MessageSizeTooLarge,
            Self::InvalidRecord => RDKafkaErrorCode::InvalidRecord,
        }
    }
}
