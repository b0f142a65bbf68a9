//! Where the type of an event is read, through the whole app: what others write is routed, decoded and reported as what evkafka writes is.

use std::borrow::Cow;

use evkafka::{
    App, ConsumerConfig, DecodeError, EventType, EventTypeSource, FailurePolicy, LastStep, Metadata, Raw,
    State, Text,
    embedded::{Cluster, Event},
    handle::{Context, FromContext},
    handler, router,
    settle::FailureKind,
};
use serde::Deserialize;

use crate::support::{Ledger, Running, cluster, committed, config};

/// Borrows from the record: a `&str` cannot do anything else.
#[derive(Deserialize)]
struct Order<'r> {
    id: u64,
    sku: &'r str,
}

/// Whether the payload lies within the record's own.
struct LiesWithin(bool);

impl<'r> FromContext<'r> for LiesWithin {
    type Rejection = DecodeError;

    fn from_context(context: &Context<'r>) -> Result<Self, DecodeError> {
        let whole = context.record().payload().unwrap_or_default().as_ptr_range();
        Ok(Self(context.payload()?.is_some_and(|payload| whole.contains(&payload.as_ptr()))))
    }
}

#[handler(event = "OrderCreated")]
async fn created(
    order: Order<'_>,
    EventType(event): EventType<'_>,
    LiesWithin(within): LiesWithin,
    State(ledger): State<Ledger>,
    meta: Metadata,
) {
    tokio::task::yield_now().await;
    ledger.note(&meta, format!("{event} {} {} within: {within}", order.id, order.sku));
}

#[handler(fallback)]
async fn rest(
    event: Option<EventType<'_>>,
    payload: Result<Option<serde_json::Value>, DecodeError>,
    State(ledger): State<Ledger>,
    meta: Metadata,
) {
    let payload = payload.map_or_else(|error| error.to_string(), |payload| format!("{payload:?}"));
    ledger.note(&meta, format!("rest {:?} {payload}", event.map(|event| event.0.to_owned())));
}

const ORDER: &str = r#"{"id":1,"sku":"a"}"#;

fn plain() -> Event {
    Event::new("orders").partition(0).payload(ORDER)
}

fn json(payload: impl Into<String>) -> Event {
    Event::new("orders").partition(0).payload(payload.into())
}

/// Has the records handled by these handlers, and gives the notes that they made.
macro_rules! notes {
    ($cluster:expr, $config:expr, $handlers:expr, $records:expr) => {{
        let (cluster, records): (Cluster, Vec<Event>) = ($cluster, $records.into());
        let count = records.len();
        cluster.send_all(records).await.unwrap();
        let ledger = Ledger::default();
        let app = Running::start(App::new("test").state(ledger.clone()).consumer(
            "orders",
            $config(&cluster),
            $handlers,
        ));
        ledger.until_len(count).await;
        app.stop().await.unwrap();
        ledger.notes()
    }};
}

const HANDLED: &str = "OrderCreated 1 a within: true";

#[tokio::test(flavor = "multi_thread")]
async fn the_type_is_read_from_whatever_names_it_and_the_payload_is_borrowed() {
    let places = [
        "header:Event-Type",
        "header-ignore-case:X-Type",
        "cloudevents",
        "spring",
        "masstransit",
        "nservicebus",
        "axon",
        "json:kind",
    ];
    let by_key = EventTypeSource::function(|record| {
        let key = str::from_utf8(record.key()?).ok()?;
        Some(Cow::Owned(format!("Order{key}")))
    });
    let config = |cluster: &Cluster| {
        config(cluster)
            .event_type(
                places.map(EventTypeSource::from).into_iter().chain([by_key.clone(), "constant:None".into()]),
            )
            .event_names([
                ("com.acme.OrderCreated", "OrderCreated"),
                ("Acme.Orders:OrderCreated", "OrderCreated"),
                ("Acme.OrderCreated", "OrderCreated"),
            ])
    };
    let notes = notes!(
        cluster(1),
        config,
        router![created, rest],
        [
            plain().header("Event-Type", "OrderCreated"),
            plain().header("x-type", "OrderCreated"),
            plain().header("ce_type", "com.acme.OrderCreated").header("content-type", "application/json"),
            json(format!(r#"{{"data":{ORDER},"type":"OrderCreated","id":"7"}}"#))
                .header("content-type", "application/cloudevents+json"),
            json(format!(r#"{{"specversion":"1.0","type":"OrderCreated","data": {ORDER} }}"#)),
            plain().header("__TypeId__", "com.acme.OrderCreated"),
            json(format!(
                r#"{{"messageId":"7","messageType":["urn:message:Acme.Orders:OrderCreated"],"message":{ORDER}}}"#
            )),
            plain().header(
                "NServiceBus.EnclosedMessageTypes",
                "Acme.OrderCreated, Acme.Messages, Version=1.0.0.0;Acme.IOrder"
            ),
            plain().header("axon-message-type", "com.acme.OrderCreated").header("axon-message-revision", "1"),
            json(r#"{"kind":"OrderCreated","id":1,"sku":"a"}"#),
            json(r#"{"id":1,"sku":"a","\u006bind":"Order\u0043reated"}"#),
            plain().key("Created"),
            plain(),
        ]
    );
    assert_eq!(notes[..12], [HANDLED; 12].map(str::to_owned));
    assert!(notes[12].starts_with("rest Some(\"None\") Some(Object"), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_may_be_the_type() {
    #[handler(event = "orders")]
    async fn orders(order: Order<'_>, State(ledger): State<Ledger>, meta: Metadata) {
        ledger.note(&meta, order.sku);
    }
    let notes = notes!(
        cluster(1),
        |cluster: &Cluster| config(cluster).event_type(["topic"]),
        router![orders],
        [plain()]
    );
    assert_eq!(notes, ["a"]);
}

#[handler(event = "OrderCreated", version = 1)]
async fn first(meta: Metadata, State(ledger): State<Ledger>) {
    ledger.note(&meta, format!("first {:?}", meta.event_version));
}

#[handler(event = "OrderCreated", version = 2)]
async fn second(meta: Metadata, EventType(event): EventType<'_>, State(ledger): State<Ledger>) {
    ledger.note(&meta, format!("second {event} {:?}", meta.event_version));
}

#[handler(event = "OrderCreated")]
async fn any(meta: Metadata, State(ledger): State<Ledger>) {
    ledger.note(&meta, format!("any {:?}", meta.event_version));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exact_version_is_handled_first_then_any_then_the_rest() {
    let with = |version: &str| plain().header("Event-Type", "OrderCreated").header("Version", version);
    let config = |cluster: &Cluster| config(cluster).event_version("header:Version");
    let records =
        [with("2"), with("v1"), with("3"), with("latest"), plain().header("Event-Type", "OrderCreated")];
    let notes = notes!(cluster(1), config, router![first, second, any, rest], records.clone());
    assert_eq!(
        notes,
        ["second OrderCreated Some(2)", "first Some(1)", "any Some(3)", "any None", "any None"]
    );
    let notes = notes!(cluster(1), config, router![first, second, rest], records);
    assert!(notes[2..].iter().all(|note| note.starts_with("rest Some(\"OrderCreated\")")), "{notes:?}");
}

/// Three types for three versions of one event, each of which knows which it is.
mod typed {
    use evkafka::{DecodeError, Event, Metadata, State, handler};
    use serde::Deserialize;

    use crate::support::Ledger;

    #[derive(Deserialize, Event)]
    #[event(name = "OrderCreated", version = 1)]
    pub(super) struct First<'r> {
        sku: &'r str,
    }

    #[derive(Deserialize, Event)]
    #[event(name = "OrderCreated", version = 2)]
    pub(super) struct Second {
        id: u64,
    }

    #[derive(Deserialize, Event)]
    pub(super) struct OrderCreated {}

    #[handler]
    pub(super) async fn first(first: First<'_>, State(ledger): State<Ledger>, meta: Metadata) {
        ledger.note(&meta, format!("first {}", first.sku));
    }

    #[handler]
    pub(super) async fn second(
        State(ledger): State<Ledger>,
        meta: Metadata,
        second: Result<Second, DecodeError>,
    ) {
        ledger.note(&meta, format!("second {}", second.unwrap().id));
    }

    #[handler(batch(max = 2, within = "0ms"))]
    pub(super) async fn any(
        all: Vec<Option<OrderCreated>>,
        State(ledger): State<Ledger>,
        metas: Vec<Metadata>,
    ) {
        for (one, meta) in all.iter().zip(&metas) {
            ledger.note(meta, format!("any {}", one.is_some()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_of_an_argument_says_which_event_and_version_its_handler_takes() {
    let with = |version: &str| plain().header("Event-Type", "OrderCreated").header("Version", version);
    let config = |cluster: &Cluster| config(cluster).event_version("header:Version");
    let records = [with("2"), with("1"), with("3"), plain().header("Event-Type", "OrderPaid")];
    let notes = notes!(cluster(1), config, router![typed::any, typed::first, typed::second, rest], records);
    assert_eq!(notes[..3], ["second 1", "first a", "any true"]);
    assert!(notes[3].starts_with("rest Some(\"OrderPaid\")"), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_may_be_behind_the_name() {
    let named = |name: &str| plain().header("Event-Type", name);
    let config = |cluster: &Cluster| config(cluster).event_version("suffix");
    let records = [named("OrderCreated.v2"), named("OrderCreated"), named("OrderPaid.v2")];
    let notes = notes!(cluster(1), config, router![second, any, rest], records);
    assert_eq!(notes[..2], ["second OrderCreated Some(2)", "any None"]);
    assert!(notes[2].starts_with("rest Some(\"OrderPaid\")"), "{notes:?}");
}

/// What is in an envelope whose payload cannot be borrowed, or that has none.
#[tokio::test(flavor = "multi_thread")]
async fn data_in_other_forms_is_decoded_and_data_that_is_not_there_is_null() {
    #[handler(event = "Text")]
    async fn text(Text(text): Text<'_>, Raw(raw): Raw<'_>, State(ledger): State<Ledger>, meta: Metadata) {
        assert_eq!(text.as_bytes(), raw);
        ledger.note(&meta, text);
    }
    #[handler(event = "Maybe")]
    async fn maybe(
        order: Option<Order<'_>>,
        raw: Option<Raw<'_>>,
        again: Result<Order<'_>, DecodeError>,
        State(ledger): State<Ledger>,
        meta: Metadata,
    ) {
        let again = again.map_or_else(|error| error.to_string(), |order| order.sku.to_owned());
        ledger.note(&meta, format!("{:?} {} {again}", order.map(|order| order.id), raw.is_some()));
    }
    let event = |name: &str, rest: &str| json(format!(r#"{{"specversion":"1.0","type":"{name}"{rest}}}"#));
    let config = |cluster: &Cluster| config(cluster).event_type(["cloudevents"]);
    let notes = notes!(
        cluster(1),
        config,
        router![created, text, maybe],
        [
            event("OrderCreated", r#","data_base64":"eyJpZCI6MSwic2t1IjoiYSJ9""#),
            event("Text", r#","datacontenttype":"text/plain","data":"two\nlines""#),
            event("Text", r#","datacontenttype":"text/plain","data":"one line""#),
            event("Maybe", ""),
            event("Maybe", r#","data":null"#),
            event("Maybe", &format!(r#","data":{ORDER}"#)),
        ]
    );
    assert_eq!(
        notes,
        [
            "OrderCreated 1 a within: false",
            "two\nlines",
            "one line",
            "None false the CloudEvents envelope has no data, and `Order<'_>` needs a value (take `Option<Order<'_>>`)",
            "None true the payload is not a valid `Order<'_>`",
            "Some(1) true a",
        ]
    );
}

fn dead_letters(config: ConsumerConfig) -> ConsumerConfig {
    config.failure_policy(FailurePolicy::new().attempts(1).dead_letter("orders.dead"))
}

/// No type: skipped, as ever. A type, and no payload that could be found: not decodable, with words that say what was missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_envelope_is_skipped_without_a_type_and_a_dead_letter_with_one() {
    let cluster = cluster(1);
    cluster.create_topic("orders.dead", 1).unwrap();
    let broken = [
        (
            r#"{"specversion":"1.0","type":"OrderCreated","data":{"id":1,"sku":"a"}"#,
            "CloudEvents envelope: EOF while parsing",
        ),
        (
            r#"{"specversion":"1.0","type":"OrderCreated","data":1,"data":2}"#,
            "CloudEvents envelope: `data`: duplicate field",
        ),
        (
            r#"{"specversion":"1.0","type":"OrderCreated","data_base64":"!"}"#,
            "its `data_base64` is not base64",
        ),
        (
            r#"{"specversion":"1.0","type":"OrderCreated"}"#,
            "the CloudEvents envelope has no data, and `Order",
        ),
        (r#"{"messageType":["urn:message:OrderCreated"]}"#, "MassTransit envelope: it has no `message`"),
    ];
    let skipped = [
        r#"{"specversion":"1.0","type":"#,
        r#"{"specversion":"1.0","data":{}}"#,
        r#"{"messageType":[],"message":{}}"#,
        "",
    ];
    cluster.send_all(skipped.map(json)).await.unwrap();
    cluster.send_all(broken.map(|(payload, _)| json(payload))).await.unwrap();
    let ledger = Ledger::default();
    #[handler(fallback)]
    async fn letters(
        raw: Raw<'_>,
        headers: evkafka::Headers<'_>,
        State(ledger): State<Ledger>,
        meta: Metadata,
    ) {
        let header = |name| String::from_utf8_lossy(headers.get(name).unwrap_or_default()).into_owned();
        let payload = String::from_utf8_lossy(raw.0);
        ledger.note(
            &meta,
            format!("{}|{}|{payload}", header("dead-letter-event"), header("dead-letter-error")),
        );
    }
    let dead = ConsumerConfig::new(["orders.dead"])
        .bootstrap_servers(cluster.bootstrap_servers())
        .group_id("letters");
    let app = App::new("test")
        .state(ledger.clone())
        .consumer(
            "orders",
            dead_letters(config(&cluster)).event_type(["cloudevents", "masstransit"]),
            router![created],
        )
        .consumer("letters", dead, router![letters]);
    let app = Running::start(app);
    ledger.until_len(broken.len()).await;
    app.stop().await.unwrap();
    for (note, (payload, why)) in ledger.notes().iter().zip(broken) {
        assert!(note.starts_with("OrderCreated|") && note.contains(why), "{note}");
        assert!(note.ends_with(payload), "a dead letter is the whole record: {note}");
    }
    let all = i64::try_from(skipped.len() + broken.len()).unwrap();
    assert_eq!(committed(&cluster).await, Some(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_concurrent_handlers_get_the_data_of_each_record() {
    #[handler(event = "OrderCreated", batch(max = 4, within = "10s"))]
    async fn many(
        orders: Vec<Order<'_>>,
        events: Vec<EventType<'_>>,
        metas: Vec<Metadata>,
        State(ledger): State<Ledger>,
    ) {
        for ((order, event), meta) in orders.iter().zip(events).zip(&metas) {
            ledger.note(meta, format!("{} {}", event.0, order.id));
        }
    }
    let event = |id: u64| {
        let data = match id % 2 {
            0 => format!(r#""data":{{"id":{id},"sku":"a"}}"#),
            // In base64, which has to be kept for as long as the batch is handled.
            _ => format!(
                r#""data_base64":"{}""#,
                ["eyJpZCI6MSwic2t1IjoiYSJ9", "eyJpZCI6Mywic2t1IjoiYSJ9"][id as usize / 2]
            ),
        };
        json(format!(r#"{{"specversion":"1.0","type":"Order\u0043reated",{data}}}"#)).key(id.to_string())
    };
    let in_order = |cluster: &Cluster| config(cluster).event_type(["cloudevents"]);
    let by_key =
        |cluster: &Cluster| in_order(cluster).concurrency(evkafka::Concurrency::PerKey { in_flight: 4 });
    let records = [0, 1, 2, 3].map(event);
    for mut notes in [
        notes!(cluster(1), in_order, router![many], records.clone()),
        notes!(cluster(1), by_key, router![many], records.clone()),
    ] {
        notes.sort();
        assert_eq!(notes, [0, 1, 2, 3].map(|id| format!("OrderCreated {id}")));
    }
    let mut notes = notes!(cluster(1), by_key, router![created], records);
    notes.sort();
    assert_eq!(
        notes,
        ["true", "false", "true", "false"]
            .iter()
            .enumerate()
            .map(|(id, within)| { format!("OrderCreated {id} a within: {within}") })
            .collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_panics_ends_the_app_at_its_record() {
    let cluster = cluster(1);
    cluster.send_all([plain().key("fine"), plain().key("odd"), plain().key("fine")]).await.unwrap();
    let naming = EventTypeSource::function(|record| {
        assert!(record.key() != Some(b"odd"), "an odd key");
        None
    });
    let app = App::new("test").state(Ledger::default()).consumer(
        "orders",
        config(&cluster).event_type([naming]),
        router![created, rest],
    );
    let error = Running::start(app).ends().await.unwrap_err();
    let record = error.record().expect("the record");
    assert_eq!((record.offset, record.failure.kind()), (1, FailureKind::Panic));
    assert!(record.failure.cause().to_string().ends_with("(`event_type`) panicked: an odd key"), "{error:?}");
    assert_eq!(committed(&cluster).await, Some(1), "what is before it is settled, and it is not");
}

#[test]
fn versions_that_nobody_reads_or_finds_are_errors_at_the_start() {
    #[handler(event = "OrderCreated.v2")]
    async fn in_name() {}

    let config = || ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:1").group_id("g");
    let app = App::new("test").state(Ledger::default()).consumer("orders", config(), router![second]);
    let error = app.check().unwrap_err().to_string();
    assert!(
        error.contains("consumer `orders`: `embedded::event_types::second` handles version 2 of an event, but no version is read: set `event_version`"),
        "{error}"
    );
    let app = App::new("test").consumer("orders", config().event_version("suffix"), router![in_name]);
    let error = app.check().unwrap_err().to_string();
    assert!(
        error.contains("handles `OrderCreated.v2`, but `event_version` takes the version off that name"),
        "{error}"
    );
    let app = App::new("test")
        .consumer("orders", config().event_type(["axon"]), router![second])
        .state(Ledger::default());
    assert!(app.check().is_ok(), "Axon's records have a version");
}

/// The last step holds for what cannot be taken out of its envelope as for what does not decode.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_envelope_in_a_batch_leaves_the_others_alone() {
    #[handler(event = "OrderCreated", batch(max = 3, within = "10s"))]
    async fn many(orders: Vec<Order<'_>>, metas: Vec<Metadata>, State(ledger): State<Ledger>) {
        for (order, meta) in orders.iter().zip(&metas) {
            ledger.note(meta, order.id);
        }
    }
    let cluster = cluster(1);
    let event = |id: u64, end: &str| {
        json(format!(r#"{{"specversion":"1.0","type":"OrderCreated","data":{{"id":{id},"sku":"a"}}{end}"#))
    };
    cluster.send_all([event(1, "}"), event(2, ""), event(3, "}")]).await.unwrap();
    let ledger = Ledger::default();
    let policy = FailurePolicy::new().last_step(LastStep::Skip);
    let config = config(&cluster).event_type(["cloudevents"]).failure_policy(policy);
    let app =
        Running::start(App::new("test").state(ledger.clone()).consumer("orders", config, router![many]));
    ledger.until_len(2).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1", "3"]);
    assert_eq!(committed(&cluster).await, Some(3));
}
