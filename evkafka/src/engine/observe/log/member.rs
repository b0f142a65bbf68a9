use crate::{
    client::IsOver,
    engine::{
        observe::{MemberEvent, UnansweredStart},
        partitions::Names,
    },
    error::Chain,
};

/// Logs what happened to a member: whose it is, and what else is given.
macro_rules! line {
    ($level:ident, $consumer:expr, $($rest:tt)+) => {
        tracing::$level!(target: "evkafka::member", consumer = %$consumer, $($rest)+)
    };
}

pub(super) fn log(consumer: &str, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::Joins | MemberEvent::Rejoins | MemberEvent::Leaves => {}
        MemberEvent::NotReady { .. }
        | MemberEvent::Ready { .. }
        | MemberEvent::WaitsToJoin { .. }
        | MemberEvent::StartsUnanswered(_) => {
            waits(consumer, event);
        }
        MemberEvent::Assigned { .. }
        | MemberEvent::Revoked { .. }
        | MemberEvent::Blocked { .. }
        | MemberEvent::AnswerRejected { .. } => rebalance(consumer, event),
        MemberEvent::Denied { .. }
        | MemberEvent::ClientFailed { .. }
        | MemberEvent::ClientRecovered(_)
        | MemberEvent::CommitsAgain { .. }
        | MemberEvent::CommitFailed { .. }
        | MemberEvent::RevokedUncommitted { .. }
        | MemberEvent::TopicIsGone { .. } => failure(consumer, event),
        MemberEvent::Evicted
        | MemberEvent::OffsetsUntold
        | MemberEvent::AssignmentRejected
        | MemberEvent::Outgrown { .. }
        | MemberEvent::RejoinsUncommitted { .. } => rejoin(consumer, event),
        MemberEvent::Left => line!(info, consumer, "left the group"),
        MemberEvent::LeftUncommitted { error } => {
            line!(error, consumer, ?error, "besides, a handler has not finished");
        }
    }
}

fn waits(consumer: &str, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::NotReady { error, times } => {
            line!(warn, consumer, error = %Chain(*error), times, "not ready to consume; waiting");
        }
        MemberEvent::Ready { waited } => {
            line!(info, consumer, waited_s = waited.as_secs(), "ready to consume, after waiting");
        }
        MemberEvent::WaitsToJoin { group, error, reason } => {
            line!(warn, consumer, group, error, "the consumer waits to join its group: {reason}");
        }
        MemberEvent::StartsUnanswered(UnansweredStart::Request { what, error, attempt }) => line!(
            warn,
            consumer,
            %error,
            attempt,
            "partitions wait: no answer to a request for {what}; trying again"
        ),
        MemberEvent::StartsUnanswered(UnansweredStart::Ends { partitions, attempt }) => line!(
            warn,
            consumer,
            partitions = %Names(partitions),
            attempt,
            "partitions wait: where they end is not known, or they cannot be read from there; trying again"
        ),
        _ => {}
    }
}

fn rebalance(consumer: &str, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::Assigned { partitions } => {
            line!(info, consumer, partitions = %Names(partitions), "partitions assigned");
        }
        MemberEvent::Revoked { partitions, lost } => {
            line!(info, consumer, partitions = %Names(partitions), lost, "partitions revoked");
        }
        MemberEvent::Blocked { partitions } => line!(
            error,
            consumer,
            partitions = %Names(partitions),
            "a handler that blocks its thread cannot be ended; it may still write although its partition has another owner"
        ),
        MemberEvent::AnswerRejected { error } => {
            line!(warn, consumer, error, "the client rejects the answer to a rebalance");
        }
        _ => {}
    }
}

fn failure(consumer: &str, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::Denied { reason, advice, lasts } => line!(
            error,
            consumer,
            error = reason,
            times = lasts.times,
            lasted_s = lasts.lasted.as_secs(),
            advice,
            "the Kafka cluster denies access"
        ),
        MemberEvent::ClientFailed { error, reason, lasts } => line!(
            warn,
            consumer,
            %error,
            reason,
            times = lasts.times,
            lasted_s = lasts.lasted.as_secs(),
            "the Kafka client reports an error"
        ),
        MemberEvent::ClientRecovered(IsOver { error, times, lasted }) => line!(
            info,
            consumer,
            %error,
            times,
            lasted_s = lasted.as_secs(),
            "the Kafka client no longer reports this error"
        ),
        MemberEvent::CommitFailed { error, times } => {
            line!(warn, consumer, %error, times, "offsets could not be committed and will be committed later");
        }
        MemberEvent::CommitsAgain { failures } => {
            line!(info, consumer, times = failures, "offsets are committed again");
        }
        MemberEvent::RevokedUncommitted { error } => line!(
            warn,
            consumer,
            %error,
            "the offsets of revoked partitions could not be committed; some of their records will be handled again"
        ),
        MemberEvent::TopicIsGone { topic } => line!(
            warn,
            consumer,
            %topic,
            "the topic no longer exists, and its offsets were not committed"
        ),
        _ => {}
    }
}

fn rejoin(consumer: &str, event: &MemberEvent<'_>) {
    match event {
        MemberEvent::Evicted => line!(
            warn,
            consumer,
            "the group has gone on without this member, which rejoins; what it has handled since its last commit is handled again"
        ),
        MemberEvent::OffsetsUntold => line!(
            warn,
            consumer,
            "the brokers did not say what is committed of partitions that are assigned, which are not read: the member leaves its \
             group and joins again"
        ),
        MemberEvent::AssignmentRejected => line!(
            warn,
            consumer,
            "the client rejected an assignment, whose partitions are not read: the member leaves its group and joins again"
        ),
        MemberEvent::Outgrown { assigned, shared_out_for, exceeded_by_mib } => line!(
            warn,
            consumer,
            assigned,
            shared_out_for,
            exceeded_by_mib,
            "more partitions are assigned than `prefetch_memory_mib` was shared out for: the consumer leaves its group and rejoins \
             with smaller shares"
        ),
        MemberEvent::RejoinsUncommitted { error } => {
            line!(warn, consumer, ?error, "the consumer rejoins its group all the same");
        }
        _ => {}
    }
}
