use crate::{
    client::IsOver,
    engine::{
        observe::{MemberEvent, MemberName, UnansweredStart},
        partitions::Names,
    },
    error::Chain,
};

/// Logs what happened to a member: whose it is, and what else is given.
macro_rules! line {
    ($level:ident, $member:expr, $($rest:tt)+) => {
        tracing::$level!(
            target: "evkafka::member",
            consumer = %$member.consumer,
            member = $member.number,
            $($rest)+
        )
    };
}

pub(super) fn log(member: &MemberName, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::Joins | MemberEvent::Rejoins | MemberEvent::Leaves => {}
        MemberEvent::NotReady { .. }
        | MemberEvent::Ready { .. }
        | MemberEvent::WaitsToJoin { .. }
        | MemberEvent::WaitsForGroup { .. }
        | MemberEvent::StartsUnanswered(_) => {
            waits(member, event);
        }
        MemberEvent::Assigned { .. }
        | MemberEvent::Revoked { .. }
        | MemberEvent::Blocked { .. }
        | MemberEvent::AnswerRejected { .. } => rebalance(member, event),
        MemberEvent::Denied { .. }
        | MemberEvent::ClientFailed { .. }
        | MemberEvent::ClientRecovered(_)
        | MemberEvent::CommitsAgain { .. }
        | MemberEvent::CommitFailed { .. }
        | MemberEvent::RevokedUncommitted { .. }
        | MemberEvent::TopicIsGone { .. } => failure(member, event),
        MemberEvent::Evicted
        | MemberEvent::OffsetsUntold
        | MemberEvent::AssignmentRejected
        | MemberEvent::Outgrown { .. }
        | MemberEvent::Silent { .. }
        | MemberEvent::RejoinsUncommitted { .. } => rejoin(member, event),
        MemberEvent::Left => line!(info, member, "left the group"),
        MemberEvent::LeftUncommitted { error } => {
            line!(error, member, error = %Chain(*error), "the last offsets were not committed, and a handler has not finished");
        }
    }
}

fn waits(member: &MemberName, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::NotReady { error, times } => {
            line!(warn, member, error = %Chain(*error), times, "not ready to consume; waiting");
        }
        MemberEvent::Ready { waited } => {
            line!(info, member, waited_s = waited.as_secs(), "ready to consume, after waiting");
        }
        MemberEvent::WaitsToJoin { group, error, reason } => {
            line!(warn, member, group, error, %reason, "the group does not admit this member; trying again");
        }
        MemberEvent::WaitsForGroup { group, waited, error: Some(error) } => line!(
            info,
            member,
            group,
            waited_s = waited.as_secs(),
            %error,
            "waiting for the group: its brokers do not answer"
        ),
        MemberEvent::WaitsForGroup { group, waited, error: None } => line!(
            info,
            member,
            group,
            waited_s = waited.as_secs(),
            "waiting for the group, which may be waiting for a member that ended without leaving it, until that one's session \
             timeout is over"
        ),
        MemberEvent::StartsUnanswered(UnansweredStart::Request { what, error, attempt }) => line!(
            warn,
            member,
            %error,
            attempt,
            "partitions wait: no answer to a request for {what}; trying again"
        ),
        MemberEvent::StartsUnanswered(UnansweredStart::Ends { partitions, attempt }) => line!(
            warn,
            member,
            partitions = %Names(partitions),
            attempt,
            "partitions wait: their end offsets are not known, or they cannot be read from there; trying again"
        ),
        _ => {}
    }
}

fn rebalance(member: &MemberName, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::Assigned { partitions, member_id } => {
            line!(info, member, member_id, partitions = %Names(partitions), "partitions assigned");
        }
        MemberEvent::Revoked { partitions, lost } => {
            line!(info, member, partitions = %Names(partitions), lost, "partitions revoked");
        }
        MemberEvent::Blocked { partitions } => line!(
            error,
            member,
            partitions = %Names(partitions),
            "a handler that blocks its thread cannot be ended; it may still write although its partition has another owner"
        ),
        MemberEvent::AnswerRejected { error } => {
            line!(warn, member, error, "the client rejects the answer to a rebalance");
        }
        _ => {}
    }
}

fn failure(member: &MemberName, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::Denied { reason, advice, lasts } => line!(
            error,
            member,
            error = reason,
            times = lasts.times,
            lasted_s = lasts.lasted.as_secs(),
            advice,
            "the Kafka cluster denies access"
        ),
        MemberEvent::ClientFailed { error, reason, lasts } => line!(
            warn,
            member,
            %error,
            reason,
            times = lasts.times,
            lasted_s = lasts.lasted.as_secs(),
            "the Kafka client reports an error"
        ),
        MemberEvent::ClientRecovered(IsOver { error, times, lasted }) => line!(
            info,
            member,
            %error,
            times,
            lasted_s = lasted.as_secs(),
            "the Kafka client no longer reports this error"
        ),
        MemberEvent::CommitFailed { error, times } => {
            line!(warn, member, %error, times, "offsets could not be committed and will be committed later");
        }
        MemberEvent::CommitsAgain { failures } => {
            line!(info, member, times = failures, "offsets are committed again");
        }
        MemberEvent::RevokedUncommitted { error } => line!(
            warn,
            member,
            %error,
            "the offsets of revoked partitions could not be committed; some of their records will be handled again"
        ),
        MemberEvent::TopicIsGone { topic } => line!(
            warn,
            member,
            %topic,
            "the topic no longer exists, and its offsets were not committed"
        ),
        _ => {}
    }
}

fn rejoin(member: &MemberName, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::Evicted => line!(
            warn,
            member,
            "the group continued without this member, which rejoins; what it has handled since its last commit is handled again"
        ),
        MemberEvent::OffsetsUntold => line!(
            warn,
            member,
            "assigned partitions are not read, because the brokers did not return their committed offsets: the member rejoins its group"
        ),
        MemberEvent::AssignmentRejected => line!(
            warn,
            member,
            "assigned partitions are not read, because the client rejected the assignment: the member rejoins its group"
        ),
        MemberEvent::Outgrown { assigned, shared_out_for, exceeded_by_mib } => line!(
            warn,
            member,
            assigned,
            shared_out_for,
            exceeded_by_mib,
            "more partitions are assigned than `prefetch_memory_mib` was shared out for: the consumer leaves its group and rejoins \
             with smaller shares"
        ),
        MemberEvent::Silent { partitions } => line!(
            error,
            member,
            partitions,
            "nothing arrives from these partitions, although their logs do not end at the next offset, for example after a topic was recreated: \
             the member replaces its Kafka client and rejoins its group"
        ),
        MemberEvent::RejoinsUncommitted { error } => {
            line!(warn, member, error = %Chain(*error), "offsets were not committed before the member rejoins its group");
        }
        _ => {}
    }
}
