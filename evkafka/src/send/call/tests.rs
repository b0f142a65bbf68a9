use std::time::Duration;

use super::*;
use crate::{
    ProducerConfig, SendErrorKind,
    memory::Cluster,
    send::{RecordForm, ReliableProducer, Sends},
    traces::Tracing,
};

const LIMIT: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Priced;

impl Event for Priced {
    const NAME: &'static str = "Priced";
    const TOPIC: Option<&'static str> = Some("prices");

    fn key(&self, _: &mut EventKey<'_>) {}
}

/// What sends events to this cluster, within the limit.
fn outlet(cluster: &Cluster) -> Arc<Outlet> {
    let producer = ReliableProducer::in_memory("out".into(), cluster.clone(), Sends::Events);
    let form = RecordForm::of(&ProducerConfig::new().delivery_timeout(LIMIT));
    Arc::new(Outlet::new("out".into(), producer, form, &Tracing::default()))
}

fn call(outlet: &Arc<Outlet>) -> Sending<'_, Priced> {
    Sending::new(outlet, Priced::TOPIC, &Priced, Extras::default())
}

/// Waits for much longer than the limit. What came of it, and after what time.
async fn sent<T>(call: impl Future<Output = Result<T, SendError>>) -> (Result<T, SendErrorKind>, Duration) {
    let begun = Instant::now();
    let result = tokio::time::timeout(100 * LIMIT, call).await.expect("the call is answered");
    (result.map_err(|error| error.kind()), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_waited_for_no_longer_than_the_limit() {
    let cluster = Cluster::default();
    let outlet = outlet(&cluster);
    cluster.limit_room(Some(0));
    assert_eq!(sent(call(&outlet).into_future()).await, (Err(SendErrorKind::Unacknowledged), LIMIT));
    assert_eq!(sent(call(&outlet).enqueue()).await, (Err(SendErrorKind::Unacknowledged), LIMIT));
    assert!(outlet.is_flushed(), "nothing of it is on its way");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_on_its_way_of_an_event_without_a_topic() {
    let outlet = outlet(&Cluster::default());
    let call = || Sending::new(&outlet, None, &Priced, Extras::default());
    assert_eq!(sent(call().enqueue()).await.0, Err(SendErrorKind::NoTopic));
    assert_eq!(sent(call().into_future()).await.0.map(|_| ()), Err(SendErrorKind::NoTopic));
    assert!(outlet.is_flushed());
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_call_waits_for_room_is_part_of_the_limit() {
    let cluster = Cluster::default();
    let outlet = outlet(&cluster);
    cluster.limit_room(Some(0));
    cluster.hold_acknowledgements();
    let makes_room = async {
        sleep(LIMIT / 2).await;
        cluster.limit_room(None);
        std::future::pending().await
    };
    let answered = async {
        tokio::select! {
            sent = sent(call(&outlet).into_future()) => sent,
            never = makes_room => never,
        }
    };
    assert_eq!(answered.await, (Err(SendErrorKind::Unacknowledged), LIMIT));
    assert_eq!(cluster.produced().len(), 1, "it is in the topic all the same");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_waited_for_room_is_acknowledged() {
    let cluster = Cluster::default();
    let outlet = outlet(&cluster);
    cluster.limit_room(Some(0));
    let makes_room = async {
        sleep(LIMIT / 2).await;
        cluster.limit_room(None);
    };
    let ((delivered, _), ()) = tokio::join!(sent(call(&outlet).into_future()), makes_room);
    assert_eq!(delivered.map(|delivered| delivered.offset), Ok(0));
}
