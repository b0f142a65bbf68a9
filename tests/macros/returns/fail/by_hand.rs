// What is not for others to implement, to construct, or to list in full, so that it can grow.
use evkafka::{
    handle::{Attempt, BoxError, HandlerError, IntoOutcome},
    record::{Origin, Timestamp, TimestampKind},
};

struct Failed;

impl HandlerError for Failed {
    fn into_boxed(self) -> BoxError {
        "failed".into()
    }
}

impl IntoOutcome for Failed {
    fn into_attempt(self) -> Attempt {
        Attempt::failed("failed")
    }
}

fn main() {
    let _ = Timestamp { millis: 0, kind: TimestampKind::Create };
    let _ = Timestamp::new(0, TimestampKind::Create);
    let Origin { topic, partition, consumer } = Origin::new("billing", "orders", 0);
}
