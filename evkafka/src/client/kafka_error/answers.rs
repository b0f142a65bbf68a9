//! The answers to what a fault means for a commit, a member, a partition that is read, a record that is sent, and a topic that
//! is looked up.

/// What it means for a commit that the broker, or librdkafka in its place, answers with a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitAnswer {
    /// It is accepted when the group has settled: sent again, it may pass.
    Passing,
    /// The same if the member still belongs to the group. One that has given up its partitions for a rebalance does not.
    PassingOrEvicted,
    /// Passing: the next has less metadata. One of several partitions is the cause.
    Shorter,
    /// One of several partitions is the cause: its topic does not exist.
    OfMissingTopic,
    /// One of several partitions is the cause.
    OfOnePartition,
    /// The same, and it does not pass by itself.
    OfForbiddenTopic,
    /// The broker does not know the member: nothing of it will be accepted, and others have its partitions.
    Evicted,
    /// There was no answer, or none that says so: it may have been accepted. Sent again, it may pass.
    Unclear,
    /// It does not pass by itself, whatever is committed.
    Final,
    /// Nobody knows: sent again some time later. One of several partitions may be the cause.
    Later,
}

/// What it means for a member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberAnswer {
    /// librdkafka goes on by itself.
    Passing,
    /// A broker is out of reach, which may be its advertised address.
    OutOfReach,
    /// The group does not admit the member.
    NotAdmitted(JoinAnswer),
    /// It does not pass by itself.
    Final,
}

/// Why a group does not admit a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinAnswer {
    SessionTimeout,
    Strategy,
    Forbidden,
    InstanceId,
    /// Until another member leaves.
    Full,
}

/// What it means in place of a partition's next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAnswer {
    /// Nothing.
    End,
    /// librdkafka recovers from it by itself, without passing over a record.
    Passing,
    /// To go on could mean to pass over records.
    Final,
}

/// What it means for a record that was sent and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteAnswer {
    /// It will be acknowledged: what stands in the way passes by itself.
    Passing,
    /// It may be, if somebody acts or if what is known is out of date.
    Doubtful,
    /// Its batch may be the cause, or another record in it. One that was alone will not be acknowledged before a setting is changed.
    OfBatch,
    /// It will not be before a setting is changed.
    Final,
    /// The client was replaced or its queue purged, which says nothing about the record.
    Unrelated,
}

/// What it means for a topic that is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicAnswer {
    Missing,
    /// It does not pass by itself.
    Final,
    Passing,
}

/// What it says about who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Credentials,
    Certificate,
    /// The connection broke, perhaps because the broker rejects the client's certificate.
    Closed,
    /// Nothing.
    Silent,
}

impl WriteAnswer {
    /// Whether the record is refused, now at least.
    pub(crate) fn is_refusal(self) -> bool {
        match self {
            Self::Doubtful | Self::OfBatch | Self::Final => true,
            Self::Passing | Self::Unrelated => false,
        }
    }
}

impl CommitAnswer {
    /// Whether the commit may have been refused for some of its partitions only.
    pub(crate) fn is_of_one_partition(self) -> bool {
        match self {
            Self::Shorter | Self::OfMissingTopic | Self::OfOnePartition | Self::OfForbiddenTopic => true,
            Self::Passing
            | Self::PassingOrEvicted
            | Self::Evicted
            | Self::Unclear
            | Self::Final
            | Self::Later => false,
        }
    }

    /// Whether it may be accepted if it is sent again soon.
    pub(crate) fn is_passing(self) -> bool {
        match self {
            Self::Passing | Self::PassingOrEvicted | Self::Shorter | Self::Unclear => true,
            Self::OfMissingTopic
            | Self::OfOnePartition
            | Self::OfForbiddenTopic
            | Self::Evicted
            | Self::Final
            | Self::Later => false,
        }
    }

    /// Whether it does not pass by itself.
    pub(crate) fn is_final(self) -> bool {
        match self {
            Self::OfForbiddenTopic | Self::Final => true,
            Self::Passing
            | Self::PassingOrEvicted
            | Self::Shorter
            | Self::OfMissingTopic
            | Self::OfOnePartition
            | Self::Evicted
            | Self::Unclear
            | Self::Later => false,
        }
    }

    /// Whether the broker may have accepted a partition of a commit of so many, of which it does not say so.
    ///
    /// When one partition of several is refused, librdkafka writes its error into all of them. What is about the member or the
    /// group holds for all anyway.
    pub(crate) fn is_unclear(self, partitions: usize) -> bool {
        match self {
            Self::Unclear => true,
            Self::Passing | Self::PassingOrEvicted | Self::Evicted | Self::Final => false,
            Self::Shorter
            | Self::OfMissingTopic
            | Self::OfOnePartition
            | Self::OfForbiddenTopic
            | Self::Later => partitions > 1,
        }
    }
}
