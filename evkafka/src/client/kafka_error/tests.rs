use std::collections::HashSet;

use super::*;
use crate::native::all_error_codes;

/// The codes that librdkafka has and rdkafka has a name for.
fn all() -> impl Iterator<Item = (RDKafkaErrorCode, Fault)> {
    all_error_codes().into_iter().map(|code| (code, Fault::of(code)))
}

#[test]
fn every_code_of_librdkafka_is_in_the_table() {
    let codes: Vec<_> = all().collect();
    assert!(codes.len() > 150, "{}", codes.len());
    let known = codes.iter().filter(|(_, fault)| *fault != Fault::Other).count();
    assert!(known > 70, "{known}");
}

#[test]
fn each_code_has_one_answer_to_each_question_about_a_commit() {
    for (code, fault) in all() {
        let answer = fault.for_commit();
        let is_evicted = answer == CommitAnswer::Evicted;
        let classes = [answer.is_passing(), answer.is_final(), is_evicted];
        assert!(classes.iter().filter(|is| **is).count() <= 1, "{code}: {answer:?}");
        // What was not refused for one partition only is refused for one as for many, unless nothing is known.
        if answer.is_unclear(1) {
            assert_eq!(answer, CommitAnswer::Unclear, "{code}");
        }
        if answer.is_of_one_partition() {
            assert!(
                answer.is_unclear(2) && !answer.is_unclear(1),
                "{code}: the others may have been accepted"
            );
        }
        if is_evicted {
            assert!(!answer.is_unclear(2), "{code}: it holds for all");
        }
    }
}

#[test]
fn the_answers_to_several_questions_agree() {
    for (code, fault) in all() {
        let (commit, member) = (fault.for_commit(), fault.for_member());
        let (reading, writing, topic) = (fault.for_reading(), fault.for_writing(), fault.for_topic());
        if commit.is_passing() || commit == CommitAnswer::Evicted {
            assert!(
                matches!(member, MemberAnswer::Passing | MemberAnswer::OutOfReach),
                "{code}: the member goes on, or joins again"
            );
        }
        if commit.is_final() {
            assert!(
                matches!(member, MemberAnswer::Final | MemberAnswer::NotAdmitted(_)),
                "{code}: a commit ends the app, and the member would go on: {member:?}"
            );
        }
        if writing == WriteAnswer::Passing {
            assert!(!commit.is_final() && topic == TopicAnswer::Passing, "{code}");
            assert!(matches!(member, MemberAnswer::Passing | MemberAnswer::OutOfReach), "{code}");
        }
        if matches!(writing, WriteAnswer::OfBatch | WriteAnswer::Final) {
            assert_eq!(reading, ReadAnswer::Final, "{code}");
        }
        match topic {
            TopicAnswer::Final => assert_eq!(reading, ReadAnswer::Final, "{code}: nothing is read of it"),
            // It may be created again.
            TopicAnswer::Missing => assert_eq!(reading, ReadAnswer::Passing, "{code}"),
            TopicAnswer::Passing => {}
        }
        if reading == ReadAnswer::Passing {
            assert!(matches!(member, MemberAnswer::Passing | MemberAnswer::OutOfReach), "{code}");
            assert!(matches!(writing, WriteAnswer::Passing | WriteAnswer::Doubtful), "{code}");
        }
        if fault.for_connecting() != Access::Silent {
            assert_eq!(writing, WriteAnswer::Passing, "{code}: no broker was asked");
        }
        assert!(!fault.says_nothing_new() || member != MemberAnswer::Final, "{code}: it would not be told");
    }
}

#[test]
fn nothing_that_may_pass_ends_an_app_and_nothing_that_is_final_is_waited_for() {
    use RDKafkaErrorCode as E;
    for code in
        [E::AllBrokersDown, E::OperationTimedOut, E::RebalanceInProgress, E::LeaderNotAvailable, E::Unknown]
    {
        let fault = Fault::of(code);
        assert!(!fault.for_commit().is_final(), "{code}");
        assert!(!matches!(fault.for_member(), MemberAnswer::Final | MemberAnswer::NotAdmitted(_)), "{code}");
    }
    for code in
        [E::GroupAuthorizationFailed, E::TopicAuthorizationFailed, E::InvalidGroupId, E::FencedInstanceId]
    {
        let commit = Fault::of(code).for_commit();
        assert!(commit.is_final() && !commit.is_passing(), "{code}");
    }
    // A topic that was deleted must not keep the commits of others back, nor the member from its group.
    assert_eq!(Fault::of(E::UnknownTopicOrPartition).for_commit(), CommitAnswer::OfMissingTopic);
    // A batch whose checksum does not match, as librdkafka and as a broker says it.
    for code in [E::BadMessage, E::InvalidMessage] {
        assert_eq!(Fault::of(code).for_reading(), ReadAnswer::Final, "{code}");
    }
    // What nobody knows ends no app, but for a partition's next record: going on could pass over it.
    assert_eq!(Fault::of(E::OffsetOutOfRange).for_reading(), ReadAnswer::Final);
}

#[test]
fn faults_are_told_apart_by_more_than_their_names() {
    let answers: HashSet<_> = all()
        .map(|(_, fault)| {
            format!(
                "{:?}",
                (
                    fault.for_commit(),
                    fault.for_member(),
                    fault.for_reading(),
                    fault.for_writing(),
                    fault.for_topic(),
                    fault.for_connecting(),
                    fault.says_nothing_new()
                )
            )
        })
        .collect();
    assert!(answers.len() > 20, "{}", answers.len());
}
