//! The client writes events where consumers look for them, and reads them as producers write them.

use evkafka::{
    App, ConsumerConfig, EventFormat, Metadata, ProducerConfig, SendError, Sender, State, event::Events,
    handler, record::OwnedRecord, router, testing::TestClient,
};

use crate::support::{Calls, OrderCreated, OrderPriced, on_order_created, orders};

const ORDER: OrderCreated = OrderCreated { id: 7, cents: 100 };

#[handler(event = "billing.OrderPriced", version = 2)]
async fn on_priced(priced: OrderPriced, State(calls): State<Calls>, meta: Metadata) {
    assert_eq!((priced.id, priced.gross, meta.event_version), (7, 119, Some(2)));
    calls.note(&meta);
}

/// Prices orders, and reads the prices.
fn app(config: ConsumerConfig, producer: ProducerConfig, ledger: ConsumerConfig, calls: &Calls) -> App {
    App::new("billing")
        .state(calls.clone())
        .consumer("invoices", config, router![on_order_created])
        .consumer("ledger", ledger.group_id("ledger"), router![on_priced])
        .producer("prices", producer, Events::any())
}

fn reading_cloud_events() -> ConsumerConfig {
    ConsumerConfig::new(["prices"]).event_type(["cloudevents"]).event_version("suffix")
}

#[tokio::test(start_paused = true)]
async fn cloud_events_are_read_back_by_a_consumer_and_by_the_client() {
    for format in [EventFormat::CloudEvents, EventFormat::CloudEventsStructured] {
        let calls = Calls::default();
        let producer = ProducerConfig::new().event_format(format).event_source("/billing");
        let t = TestClient::new(app(orders(), producer, reading_cloud_events(), &calls));
        t.send(&ORDER).header("traceparent", "00-7").await.assert_handled();
        t.idle().await;
        t.settled("prices", 0, 0).by("ledger").assert_handled();
        assert_eq!(calls.all().len(), 2);
        assert_eq!(t.sent::<OrderPriced>(), [OrderPriced { id: 7, gross: 119 }]);
        let records = t.records("prices");
        let headers = records[0].as_record().headers();
        assert_eq!(headers.get("traceparent"), Some(&b"00-7"[..]));
        let content_type = headers.get("content-type").unwrap();
        assert_eq!(content_type == b"application/json", format == EventFormat::CloudEvents);
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_has_an_id_of_its_own_unless_its_call_gives_it_one() {
    let producer = ProducerConfig::new().event_format(EventFormat::CloudEvents).event_source("/billing");
    let app = App::new("billing").consumer("invoices", orders(), router![sends_one_with_an_id]).producer(
        "prices",
        producer,
        Events::any(),
    );
    let t = TestClient::new(app);
    for _ in 0..2 {
        t.send(&ORDER).await.assert_handled();
    }
    let id = |record: &OwnedRecord| {
        let id = record.as_record().headers().get("ce_id").expect("it has one");
        String::from_utf8(id.to_vec()).expect("it is text")
    };
    let ids: Vec<_> = t.records("prices").iter().map(id).collect();
    assert_eq!([&*ids[0], &ids[2]], ["order-7", "order-7"]);
    assert!(ids[1] != ids[3] && ids[1].len() == 36, "{ids:?}");
}

/// The first is recognized by its id where the order is handled again.
#[handler(event = "OrderCreated")]
async fn sends_one_with_an_id(
    order: OrderCreated,
    prices: Sender<OrderPriced>,
) -> Result<OrderPriced, SendError> {
    let priced = OrderPriced { id: order.id, gross: order.cents };
    prices.send(&priced).header("ce_id", format!("order-{}", order.id)).await?;
    Ok(priced)
}

#[tokio::test(start_paused = true)]
async fn a_typed_event_is_written_where_each_consumer_looks_for_its_type() {
    for place in [
        "header:type",
        "cloudevents",
        "json:type",
        "constant:OrderCreated",
        "spring",
        "masstransit",
        "nservicebus",
        "axon",
    ] {
        let calls = Calls::default();
        let config = orders().event_type([place]).event_names([("com.acme.Order", "OrderCreated")]);
        let config = if place.starts_with("constant") { orders().event_type([place]) } else { config };
        let t = TestClient::new(app(config, ProducerConfig::new(), reading_cloud_events(), &calls));
        t.send(&ORDER).await.assert_handled();
        assert_eq!(t.sent::<OrderPriced>().len(), 1, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_is_written_where_it_is_read() {
    for (place, version) in [
        ("header:type", "header:v"),
        ("json:type", "json:v"),
        ("masstransit", "suffix"),
        ("spring", "suffix:-"),
    ] {
        let calls = Calls::default();
        let ledger = ConsumerConfig::new(["prices"]).event_type([place]).event_version(version);
        let t = TestClient::new(app(orders(), ProducerConfig::new(), ledger, &calls));
        t.send(&OrderPriced { id: 7, gross: 119 }).await.assert_handled();
    }
}

#[tokio::test(start_paused = true)]
async fn consumers_that_want_different_payloads_are_not_sent_one() {
    let enveloped = orders().group_id("other").event_type(["masstransit"]);
    let app = App::new("two")
        .state(Calls::default())
        .consumer("plain", orders(), router![on_order_created])
        .consumer("enveloped", enveloped, router![on_order_created])
        .producer("prices", ProducerConfig::new(), Events::any());
    let t = TestClient::new(app);
    let said = crate::faults::panic_of(|| drop(t.send(&ORDER).enqueue()));
    assert!(said.contains("`plain` and `enveloped` expect different envelopes"), "{said}");
}

/// Two consumers of one topic that read the type in this place, and what others call the event for them.
fn two(place: &str, names: [&[(&str, &str)]; 2]) -> App {
    let [one, another] = names.map(|names| orders().event_type([place]).event_names(names.iter().copied()));
    App::new("two")
        .state(Calls::default())
        .consumer("one", one, router![on_order_created])
        .consumer("another", another.group_id("another"), router![on_order_created])
        .producer("prices", ProducerConfig::new(), Events::any())
}

#[tokio::test(start_paused = true)]
async fn an_event_has_the_name_that_all_its_consumers_know() {
    for place in ["header:type", "json:type", "masstransit", "cloudevents"] {
        for names in [
            [&[("acme.Order", "OrderCreated")][..], &[]],
            [&[], &[("acme.Order", "OrderCreated")]],
            [&[("acme.A", "OrderCreated")], &[("acme.B", "OrderCreated")]],
            [
                &[("a", "OrderCreated"), ("b", "OrderCreated"), ("OrderCreated", "x")],
                &[("b", "OrderCreated")],
            ],
        ] {
            let t = TestClient::new(two(place, names));
            t.send(&ORDER).await.assert_handled();
            assert_eq!(t.sent::<OrderPriced>().len(), 2, "{place}, {names:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_its_consumers_know_by_different_names_is_not_sent() {
    let foreign = [("acme.Order", "OrderCreated"), ("OrderCreated", "acme.Old")];
    for (place, told) in [
        ("header:type", "the header `type`"),
        ("json:type", "the field `type`"),
        ("masstransit", "the envelope"),
    ] {
        let t = TestClient::new(two(place, [&[("acme.A", "OrderCreated")], &foreign]));
        let said = crate::faults::panic_of(|| drop(t.send(&ORDER).enqueue()));
        let names = "`one` and `another` know the event `OrderCreated` by different names, in";
        assert!(said.contains(&format!("{names} {told}: `acme.A` and `acme.Order`")), "{said}");
        // As it says.
        let of_one = t.record("orders").event_type("acme.A").json(ORDER).await;
        assert_eq!(t.sent::<OrderPriced>().len(), 1, "{of_one}");
        let of_another = t.record("orders").event_type("acme.Order").json(ORDER).await;
        assert_eq!(t.sent::<OrderPriced>().len(), 2, "{of_another}");
    }
}
