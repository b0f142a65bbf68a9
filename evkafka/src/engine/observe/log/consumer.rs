use std::fmt;

use crate::engine::{
    observe::{ConsumerEvent, Handles, MostlyUnmatched},
    partitions::Names,
};

/// How many names of a list are shown.
const LISTED: usize = 20;

/// Logs what happened to a consumer: which it is, and what else is given.
macro_rules! line {
    ($level:ident, $consumer:expr, $($rest:tt)+) => {
        tracing::$level!(target: "evkafka::consumer", consumer = %$consumer, $($rest)+)
    };
}

pub(super) fn log(consumer: &str, event: &ConsumerEvent<'_>) {
    match event {
        ConsumerEvent::Starts(Handles { group, topics, events, has_fallback, event_type_from }) => line!(
            info,
            consumer,
            group,
            topics = %Listed(topics),
            events = %Listed(events),
            fallback = has_fallback,
            event_type_from,
            "handles these events"
        ),
        ConsumerEvent::UnnamedFromNowOn { named } => line!(
            info,
            consumer,
            named,
            "there are more event types without a handler; the others will not be named"
        ),
        ConsumerEvent::MostlyUnmatched(mostly) => mostly_unmatched(consumer, mostly),
        ConsumerEvent::Paused { .. } | ConsumerEvent::Resumed { .. } | ConsumerEvent::PauseEnded { .. } => {
            control(consumer, event);
        }
        ConsumerEvent::Ended { counts } if counts.unsettled_failures() > 0 => line!(
            warn,
            consumer,
            handled = counts.handled(),
            skipped = counts.skipped(),
            given_up = counts.given_up(),
            dead_lettered = counts.dead_lettered(),
            unsettled_failures = counts.unsettled_failures(),
            "consumer ended; records whose handler failed were not settled and will be handled again"
        ),
        ConsumerEvent::Ended { counts } => line!(
            info,
            consumer,
            handled = counts.handled(),
            skipped = counts.skipped(),
            given_up = counts.given_up(),
            dead_lettered = counts.dead_lettered(),
            unsettled_failures = counts.unsettled_failures(),
            "consumer ended"
        ),
    }
}

/// What was asked for through the control handle.
fn control(consumer: &str, event: &ConsumerEvent<'_>) {
    match event {
        ConsumerEvent::Paused { filter, order, assigned } => line!(
            info,
            consumer,
            topic = filter.topic().map(|topic| &**topic),
            partition = filter.partition(),
            reason = &*order.reason,
            lasts_s = order.lasts.map(|lasts| lasts.as_secs()),
            assigned = %Names(assigned),
            "paused"
        ),
        ConsumerEvent::Resumed { filter, resumption } => line!(
            info,
            consumer,
            topic = filter.topic().map(|topic| &**topic),
            partition = filter.partition(),
            pauses = resumption.ended,
            resumed = %Names(&resumption.resumed),
            still_paused = resumption.still_paused.len(),
            "resumed"
        ),
        ConsumerEvent::PauseEnded { pause, resumed } => line!(
            info,
            consumer,
            topic = pause.filter.topic().map(|topic| &**topic),
            partition = pause.filter.partition(),
            reason = &*pause.reason,
            resumed = %Names(resumed),
            "a pause has reached its deadline and ended"
        ),
        _ => {}
    }
}

fn mostly_unmatched(consumer: &str, mostly: &MostlyUnmatched<'_>) {
    let MostlyUnmatched { records, unmatched, untyped, event_type_from, similar_header } = mostly;
    line!(
        warn,
        consumer,
        records,
        unmatched,
        untyped,
        event_type_from,
        similar_header,
        "most records have no handler and are skipped: check the event types, and where they are read from"
    );
}

/// The first of a list, and how many there are besides.
struct Listed<'l, T>(&'l [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().take(LISTED).enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        assert_eq!(Listed(&["a", "b"]).to_string(), "a, b");
        assert_eq!(Listed::<&str>(&[]).to_string(), "");
        let many: Vec<_> = (0..1000).collect();
        assert!(Listed(&many).to_string().ends_with("18, 19 and 980 more"));
    }
}
