//! `kill -9` in the middle of sending.

use super::{Flow, kill};
use crate::faults::{full, report};

/// Before each kill so many are written.
const WAVE: u64 = 600;

/// Any number below `end`, the same for the same round.
fn chance(round: u64, end: u64) -> u64 {
    (round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) % end
}

/// The process is killed when any number of the wave's events are there.
fn nothing_is_lost(way: &str, linger_ms: &str) {
    let kills = if full() { 50 } else { 3 };
    let mut flow = Flow::new("killed");
    let (mut sent, mut open) = (0, 0);
    for round in 0..kills {
        flow.produce(sent..sent + WAVE);
        sent += WAVE;
        let so_far = flow.out.len();
        let process = flow.forwarder(&[("way", way), ("linger-ms", linger_ms)]);
        // Those that were not committed come first, and once more.
        flow.out.until_len(so_far + 1 + chance(round, WAVE - 1));
        kill(process);
        open += sent - flow.assert_committed_is_sent();
    }
    let process = flow.forwarder(&[("way", way), ("linger-ms", linger_ms)]);
    let again = flow.finish(process, sent);
    report(
        &format!("{kills} times kill -9 while events are sent, {way}"),
        "post",
        format_args!(
            "0 of {sent} events lost, none committed before it was acknowledged, {again} sent again"
        ),
    );
    assert!(open > 0, "each was killed after it had committed all");
    assert!(again as u64 <= open, "{again} sent again, but only {open} were not committed");
}

#[test]
fn nothing_that_was_returned_is_lost_to_kill_9() {
    nothing_is_lost("returned", "20");
}

#[test]
fn nothing_that_was_returned_by_key_is_lost_to_kill_9() {
    nothing_is_lost("keys", "20");
}

#[test]
fn nothing_that_was_returned_from_a_batch_is_lost_to_kill_9() {
    nothing_is_lost("batch", "20");
}

#[test]
fn nothing_that_a_handler_has_awaited_is_lost_to_kill_9() {
    nothing_is_lost("awaited", "1");
}

/// The check can fail: an event that waits in the queue for longer than its offset to be committed is lost with the process.
#[test]
#[should_panic(expected = "records are committed without their events")]
fn what_is_only_enqueued_is_lost_to_kill_9() {
    let mut flow = Flow::new("enqueued");
    flow.produce(0..WAVE);
    let process = flow.forwarder(&[("way", "enqueued"), ("linger-ms", "60000")]);
    flow.until_committed(1);
    kill(process);
    flow.assert_committed_is_sent();
}
