use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

use crate::{
    client::{IsOver, Lasts},
    engine::{assignment::TopicPartition, member::JoinFailure},
    error::Error,
};

/// What happens to a member of a consumer group, and what is asked of all members of a consumer.
pub(crate) enum MemberEvent<'a> {
    /// The cluster or a topic is not there yet.
    NotReady {
        error: &'a Error,
        /// How often it was looked for since it was last told.
        times: u64,
    },
    /// The cluster and the topics are there, after all.
    Ready {
        waited: Duration,
    },
    /// It asks to join its group.
    Joins,
    /// The group does not admit it, which it waits for.
    WaitsToJoin {
        group: &'a str,
        error: &'a str,
        reason: &'a JoinFailure,
    },
    /// It has asked to join its group, and has not been admitted yet.
    WaitsForGroup {
        group: &'a str,
        waited: Duration,
        /// What is wrong with its connections, if anything is.
        error: Option<RDKafkaErrorCode>,
    },
    Assigned {
        partitions: &'a [TopicPartition],
        /// What the brokers call the member.
        member_id: Option<&'a str>,
    },
    /// Where some of what is assigned begins is not known yet; it is asked for again.
    StartsUnanswered(UnansweredStart<'a>),
    Revoked {
        partitions: &'a [TopicPartition],
        /// Whether they may have another owner already.
        lost: bool,
    },
    /// A handler of these partitions cannot be ended.
    Blocked {
        partitions: &'a [TopicPartition],
    },
    /// The client does not take the answer to a rebalance.
    AnswerRejected {
        error: &'a str,
    },
    /// The cluster denies what it allowed before.
    Denied {
        reason: &'a str,
        advice: &'a str,
        lasts: Lasts,
    },
    ClientFailed {
        error: RDKafkaErrorCode,
        reason: &'a str,
        lasts: Lasts,
    },
    /// What it reported is over.
    ClientRecovered(IsOver),
    CommitFailed {
        error: RDKafkaErrorCode,
        /// How often since it was last told.
        times: u64,
    },
    /// Commits succeed again, after so many failures.
    CommitsAgain {
        failures: u32,
    },
    /// What is settled of revoked partitions is not committed.
    RevokedUncommitted {
        error: RDKafkaErrorCode,
    },
    /// Of a topic that was deleted nothing is committed any more.
    TopicIsGone {
        topic: &'a str,
    },
    /// The group has gone on without it.
    Evicted,
    /// It leaves its group to join again, because it was not told what is committed.
    OffsetsUntold,
    /// It leaves its group to join again, because the client has rejected an assignment.
    AssignmentRejected,
    /// It leaves its group to join again with other limits.
    Outgrown {
        assigned: usize,
        shared_out_for: usize,
        exceeded_by_mib: u64,
    },
    /// It leaves its group to join again with another client, because no records come of these partitions.
    Silent {
        partitions: &'a str,
    },
    /// It joins again although not all that was settled is committed.
    RejoinsUncommitted {
        error: &'a Error,
    },
    /// It has given up all that it had, and asks to join again.
    Rejoins,
    /// It is about to leave its group, as soon as what is under way has finished.
    Leaves,
    Left,
    /// It has left while a handler was at work, and what was settled is not committed.
    LeftUncommitted {
        error: &'a Error,
    },
}

/// What was asked of the brokers to find out where partitions begin.
pub(crate) enum UnansweredStart<'a> {
    Request { what: &'a str, error: RDKafkaErrorCode, attempt: u32 },
    Ends { partitions: &'a [TopicPartition], attempt: u32 },
}
