//! OpenTelemetry spans of what is handled and sent.

use std::time::Duration;

use evkafka::{
    App, ConsumerConfig, FailurePolicy, Outcome, Producer, ProducerConfig, SendError, Sender, Traces,
    event::Events, handler, router, testing::TestClient,
};
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanId, SpanKind, Status, TraceContextExt, TraceId, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{InMemorySpanExporter, Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanProcessor},
};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{Calls, OrderCreated, OrderPriced, on_order_created, orders, policy};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SENDER: &str = "b7ad6b7169203331";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Where spans end up, in the order in which they ended.
struct Spans(SdkTracerProvider, InMemorySpanExporter);

impl Spans {
    fn sampled(sampler: Sampler) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider =
            SdkTracerProvider::builder().with_sampler(sampler).with_simple_exporter(exporter.clone()).build();
        Self(provider, exporter)
    }

    fn new() -> Self {
        Self::sampled(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
    }

    fn tracer(&self) -> SdkTracer {
        self.0.tracer("test")
    }

    fn traces(&self) -> Traces {
        Traces::new().tracer(self.tracer())
    }

    fn all(&self) -> Vec<SpanData> {
        self.1.get_finished_spans().expect("they are kept")
    }

    fn names(&self) -> Vec<String> {
        self.all().iter().map(|span| span.name.to_string()).collect()
    }

    /// Those of a name.
    fn of(&self, name: &str) -> Vec<SpanData> {
        self.all().into_iter().filter(|span| span.name == name).collect()
    }

    fn one(&self, name: &str) -> SpanData {
        let [span] = <[SpanData; 1]>::try_from(self.of(name)).expect("one span of the name");
        span
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    find(&span.attributes, key)
}

fn find(attributes: &[KeyValue], key: &str) -> Option<String> {
    let mut found = attributes.iter().filter(|attribute| attribute.key.as_str() == key);
    let value = found.next().map(|attribute| attribute.value.to_string());
    assert!(found.next().is_none(), "`{key}` is there twice");
    value
}

fn billing(spans: &Spans) -> App {
    billing_with(spans.traces())
}

fn billing_with(traces: Traces) -> App {
    evkafka::app! {
        title: "billing",
        state: Calls::default(),
        traces: traces,
        consumers: { invoices: orders().failure_policy(policy()) => [on_order_created] },
        producers: { prices: ProducerConfig::new() => [OrderPriced] },
    }
}

/// A client of an app with these handlers, that sends everything by one producer.
macro_rules! client {
    ($traces:expr, $config:expr, [$($handler:expr),+]) => {
        TestClient::new(
            App::new("test")
                .traces($traces)
                .consumer("orders", $config, router![$($handler),+])
                .producer("out", ProducerConfig::new(), Events::any()),
        )
    };
}

fn order(id: u64) -> OrderCreated {
    OrderCreated { id, cents: 100 }
}

fn header(client: &TestClient, topic: &str, name: &str) -> Option<String> {
    let records = client.records(topic);
    let value = records.last()?.as_record().headers().get(name)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn header_of(span: &SpanData) -> String {
    let context = &span.span_context;
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

#[tokio::test(start_paused = true)]
async fn one_trace_goes_from_the_sender_through_the_handler_to_what_it_returned() {
    let spans = Spans::new();
    let t = TestClient::new(billing(&spans));
    let sent = t.send(&order(7)).header("traceparent", PARENT).header("tracestate", "a=1,b=2").await;
    sent.assert_handled();
    let (process, send) = (spans.one("process orders"), spans.one("send prices"));

    assert_eq!(process.span_kind, SpanKind::Consumer);
    assert_eq!(process.span_context.trace_id(), TraceId::from_hex(TRACE).unwrap());
    assert_eq!(process.parent_span_id, SpanId::from_hex(SENDER).unwrap());
    assert!(process.parent_span_is_remote);
    let [link] = &process.links[..] else { panic!("{:?}", process.links) };
    assert_eq!(link.span_context.span_id(), process.parent_span_id);
    assert_eq!(process.span_context.trace_state().header(), "a=1,b=2");
    assert_eq!(process.status, Status::Unset);
    for (key, value) in [
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "orders"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.kafka.offset", "0"),
        ("messaging.consumer.group.name", "billing"),
        ("evkafka.consumer", "invoices"),
        ("evkafka.event", "OrderCreated"),
        ("evkafka.attempt", "1"),
    ] {
        assert_eq!(attribute(&process, key).as_deref(), Some(value), "{key}");
    }
    for key in
        ["messaging.kafka.message.key", "messaging.kafka.message.tombstone", "error.type", "evkafka.outcome"]
    {
        assert_eq!(attribute(&process, key), None, "{key}");
    }

    assert_eq!(send.span_kind, SpanKind::Producer);
    assert_eq!(send.parent_span_id, process.span_context.span_id());
    assert_eq!(header(&t, "prices", "traceparent"), Some(header_of(&send)));
    assert_eq!(header(&t, "prices", "tracestate").as_deref(), Some("a=1,b=2"));
    for (key, value) in [
        ("messaging.operation.name", "send"),
        ("messaging.destination.name", "prices"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.kafka.offset", "0"),
        ("evkafka.event", "billing.OrderPriced"),
        ("evkafka.producer", "prices"),
    ] {
        assert_eq!(attribute(&send, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(
        t.records("prices")[0]
            .as_record()
            .headers()
            .iter()
            .filter(|(name, _)| *name == b"traceparent")
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_setting_there_are_no_spans_and_headers_are_passed_on() {
    let spans = Spans::new();
    let app = App::new("test")
        .state(Calls::default())
        .consumer("invoices", orders(), router![on_order_created])
        .producer("prices", ProducerConfig::new(), Events::any());
    let t = TestClient::new(app);
    t.send(&order(7)).header("traceparent", PARENT).await.assert_handled();
    assert_eq!(header(&t, "prices", "traceparent").as_deref(), Some(PARENT));
    assert!(spans.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_no_handler_takes_has_no_span() {
    let spans = Spans::new();
    let t = TestClient::new(billing(&spans));
    t.record("orders")
        .event_type("Unknown")
        .payload("{}")
        .header("traceparent", PARENT)
        .await
        .assert_skipped();
    assert!(spans.all().is_empty(), "{:?}", spans.names());
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_malformed_counts_as_none() {
    let upper = PARENT.to_uppercase();
    for malformed in ["", "00-1", &upper, "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
        let spans = Spans::new();
        let t = TestClient::new(billing(&spans));
        t.send(&order(7)).header("traceparent", malformed).header("tracestate", "a=1").await.assert_handled();
        let process = spans.one("process orders");
        assert_eq!(process.parent_span_id, SpanId::INVALID);
        assert!(process.links.is_empty() && process.span_context.trace_state().header().is_empty());
        assert_eq!(header(&t, "prices", "traceparent"), Some(header_of(&spans.one("send prices"))));
        assert_eq!(header(&t, "prices", "tracestate"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_malformed_is_dropped_and_the_parent_stays() {
    let spans = Spans::new();
    let t = TestClient::new(billing(&spans));
    t.send(&order(7)).header("traceparent", PARENT).header("tracestate", "A=;").await.assert_handled();
    let process = spans.one("process orders");
    assert_eq!(process.parent_span_id, SpanId::from_hex(SENDER).unwrap());
    assert_eq!(header(&t, "prices", "tracestate"), None);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_span_and_those_that_failed_say_why() {
    let spans = Spans::new();
    let t = TestClient::new(billing(&spans));
    let sent = t.send(&OrderCreated { id: 7, cents: u64::MAX }).header("traceparent", PARENT).await;
    sent.assert_dead_lettered("orders.dead");
    let attempts = spans.of("process orders");
    assert_eq!(attempts.len(), 3);
    for (index, span) in attempts.iter().enumerate() {
        assert_eq!(span.parent_span_id, SpanId::from_hex(SENDER).unwrap());
        assert_eq!(attribute(span, "evkafka.attempt"), Some((index + 1).to_string()));
        assert_eq!(attribute(span, "evkafka.outcome").as_deref(), Some("failed"));
        assert_eq!(attribute(span, "error.type").as_deref(), Some("error"));
        assert_eq!(span.status, Status::error("more money than there is"));
    }
    assert_eq!(spans.names().len(), 3, "nothing was sent");
    assert_eq!(header(&t, "orders.dead", "traceparent").as_deref(), Some(PARENT), "it is the record itself");
}

#[handler(event = "Panics")]
async fn panics() {
    panic!("boom")
}

#[handler(event = "Hangs")]
async fn hangs() {
    std::future::pending::<()>().await;
}

#[handler(event = "Skips")]
async fn skips() -> Outcome {
    Outcome::Skip
}

#[handler(event = "Postpones")]
async fn postpones(attempt: evkafka::Metadata) -> Outcome {
    if attempt.attempt == 1 { Outcome::RetryAfter(Duration::from_secs(1)) } else { Outcome::Done }
}

#[tokio::test(start_paused = true)]
async fn how_an_attempt_ended_is_in_its_span() {
    for (event, outcome, error, status) in [
        ("Panics", Some("failed"), Some("panic"), Status::error("boom")),
        ("Hangs", Some("failed"), Some("timeout"), Status::error("")),
        ("OrderCreated", Some("failed"), Some("undecodable"), Status::error("")),
        ("Skips", Some("skipped"), None, Status::Unset),
        ("Postpones", Some("postponed"), None, Status::Unset),
    ] {
        let spans = Spans::new();
        let config = orders().failure_policy(FailurePolicy::new().attempts(2).dead_letter("dead"));
        let t = client!(spans.traces(), config, [panics, hangs, skips, postpones, sends]);
        let settled = t.record("orders").event_type(event).payload("{").await;
        assert!(settled.settlement().is_some(), "{settled}");
        let first = &spans.of("process orders")[0];
        assert_eq!(attribute(first, "evkafka.outcome").as_deref(), outcome, "{event}");
        assert_eq!(attribute(first, "error.type").as_deref(), error, "{event}");
        match (&first.status, status) {
            (Status::Error { description: has }, Status::Error { description: wanted }) => {
                assert!(!has.is_empty() && has.contains(&*wanted), "{event}: {has}");
            }
            (has, wanted) => assert_eq!(*has, wanted, "{event}"),
        }
    }
}

#[handler(event = "OrderCreated")]
async fn sends(order: OrderCreated, prices: Sender<OrderPriced>) -> Result<(), SendError> {
    prices.send(&OrderPriced { id: order.id, gross: 1 }).await?;
    prices.send(&OrderPriced { id: order.id, gross: 2 }).enqueue().await
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_sends_is_in_its_trace() {
    let spans = Spans::new();
    let t = client!(spans.traces(), orders(), [sends]);
    t.send(&order(7)).header("traceparent", PARENT).header("correlation-id", "c").await.assert_handled();
    let (process, sent) = (spans.one("process orders"), spans.of("send prices"));
    assert_eq!(sent.len(), 2);
    for (span, record) in sent.iter().zip(t.records("prices")) {
        assert_eq!(span.parent_span_id, process.span_context.span_id());
        let record = record.as_record();
        assert_eq!(record.headers().get("traceparent"), Some(header_of(span).as_bytes()));
        assert_eq!(record.headers().get("correlation-id"), Some(&b"c"[..]));
    }
    assert_eq!(attribute(&sent[0], "messaging.kafka.offset").as_deref(), Some("0"));
    assert_eq!(attribute(&sent[1], "messaging.kafka.offset"), None, "nobody waited for it");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_is_a_span_that_failed() {
    use evkafka::testing::Refusal;
    let spans = Spans::new();
    let t = client!(spans.traces(), orders().failure_policy(policy()), [sends]);
    t.refuse_all_sends("prices", Refusal::InvalidRecord);
    t.send(&order(7)).await.assert_dead_lettered("orders.dead");
    let sent = spans.of("send prices");
    assert_eq!(attribute(&sent[0], "error.type").as_deref(), Some("refused"));
    assert!(matches!(sent[0].status, Status::Error { .. }));

    let spans = Spans::new();
    let t = TestClient::new(billing(&spans));
    t.refuse_all_sends("prices", Refusal::InvalidRecord);
    t.send(&order(7)).await.assert_dead_lettered("orders.dead");
    assert_eq!(attribute(&spans.one("send prices"), "error.type").as_deref(), Some("refused"));
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_forwards_no_trace_has_spans_and_says_nothing_of_them() {
    let spans = Spans::new();
    let app = App::new("test").traces(spans.traces()).consumer("orders", orders(), router![sends]).producer(
        "out",
        ProducerConfig::new().forward_trace(false),
        Events::any(),
    );
    let t = TestClient::new(app);
    t.send(&order(7)).header("traceparent", PARENT).await.assert_handled();
    assert_eq!(spans.of("send prices").len(), 2);
    assert_eq!(header(&t, "prices", "traceparent"), None);
}

#[tokio::test(start_paused = true)]
async fn links_alone_begin_a_trace_of_their_own() {
    let spans = Spans::new();
    let t = TestClient::new(billing_with(spans.traces().links_only()));
    t.send(&order(7)).header("traceparent", PARENT).await.assert_handled();
    let process = spans.one("process orders");
    assert_eq!(process.parent_span_id, SpanId::INVALID);
    assert_ne!(process.span_context.trace_id(), TraceId::from_hex(TRACE).unwrap());
    assert_eq!(process.links[0].span_context.trace_id(), TraceId::from_hex(TRACE).unwrap());
}

#[tokio::test(start_paused = true)]
async fn keys_are_shown_on_request_if_they_are_text() {
    for (key, shown) in [(&b"k-7"[..], Some("k-7")), (b"\xff\xfe", None)] {
        let spans = Spans::new();
        let t = TestClient::new(billing_with(spans.traces().record_keys()));
        t.send(&order(7)).key(key).await.assert_handled();
        let process = spans.one("process orders");
        assert_eq!(attribute(&process, "messaging.kafka.message.key").as_deref(), shown);
    }
}

#[handler(event = "OrderCreated", batch(max = 200, within = "1s"))]
async fn takes_many(orders: Vec<OrderCreated>) -> Vec<OrderPriced> {
    vec![OrderPriced { id: orders[0].id, gross: orders.len() as u64 }]
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_no_parent_but_a_link_to_each_of_its_records_up_to_a_bound() {
    let spans = Spans::new();
    let t = client!(spans.traces(), orders(), [takes_many]);
    let parent = |id: u64| format!("00-{:032x}-{:016x}-01", id + 1, id + 1);
    let sent: Vec<_> =
        (0..200).map(|id| t.send(&order(id)).header("traceparent", parent(id)).enqueue()).collect();
    for pending in sent {
        pending.await.assert_handled();
    }
    let process = spans.one("process orders");
    assert_eq!(process.parent_span_id, SpanId::INVALID);
    assert_eq!(process.links.len(), 128);
    for (index, link) in process.links.iter().enumerate() {
        assert_eq!(link.span_context.trace_id(), TraceId::from(index as u128 + 1));
        assert_eq!(find(&link.attributes, "messaging.kafka.offset"), Some(index.to_string()));
    }
    assert_eq!(attribute(&process, "messaging.batch.message_count").as_deref(), Some("200"));
    assert_eq!(attribute(&process, "messaging.kafka.offset"), None);
    let send = spans.one("send prices");
    assert_eq!(send.parent_span_id, process.span_context.span_id());
    assert_eq!(
        header(&t, "prices", "traceparent"),
        Some(header_of(&send)),
        "a batch's events have a trace too"
    );
}

#[handler(event = "Nests")]
async fn nests(evkafka::State(tracer): evkafka::State<SdkTracer>) {
    let before = Context::current().span().span_context().clone();
    assert!(before.is_valid());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*Context::current().span().span_context(), before);
    tracer.in_span("inner", |_| {});
}

#[handler(event = "Blocks")]
fn blocks(evkafka::State(tracer): evkafka::State<SdkTracer>) {
    tracer.in_span("inner", |_| {});
}

#[handler(event = "Spawns")]
async fn spawns(evkafka::State(tracer): evkafka::State<SdkTracer>) {
    use opentelemetry::trace::FutureExt;
    let later = async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        tracer.in_span("inner", |_| {});
    };
    tokio::spawn(later.with_current_context());
}

fn nesting(spans: &Spans) -> TestClient {
    TestClient::new(App::new("test").state(spans.tracer()).traces(spans.traces()).consumer(
        "orders",
        orders(),
        router![nests, blocks, spawns],
    ))
}

#[tokio::test(start_paused = true)]
async fn spans_of_a_handler_are_within_its_own_across_awaits_on_threads_and_in_tasks() {
    for event in ["Nests", "Blocks", "Spawns"] {
        let spans = Spans::new();
        let t = nesting(&spans);
        t.record("orders").event_type(event).header("traceparent", PARENT).await.assert_handled();
        let process = spans.one("process orders");
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(spans.one("inner").parent_span_id, process.span_context.span_id(), "{event}");
        assert!(!Context::current().has_active_span(), "nothing is left on the thread");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sampled_is_not_recorded_and_says_so_to_what_is_inside_and_what_is_sent() {
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let never = Spans::sampled(Sampler::AlwaysOff);
    let parents = Spans::new();
    for (spans, parent) in [(&never, Some(PARENT)), (&never, None), (&parents, Some(unsampled))] {
        let app = App::new("test")
            .state(spans.tracer())
            .traces(spans.traces())
            .consumer("orders", orders(), router![sends, nests])
            .producer("out", ProducerConfig::new(), Events::any());
        let t = TestClient::new(app);
        let sent = t.send(&order(7));
        let sent = if let Some(parent) = parent { sent.header("traceparent", parent) } else { sent };
        sent.await.assert_handled();
        let written = header(&t, "prices", "traceparent").unwrap();
        assert!(written.ends_with("-00"), "{written}");
        if parent.is_some() {
            assert!(written[3..].starts_with(TRACE), "{written}");
        }
        t.record("orders").event_type("Nests").header("traceparent", unsampled).await.assert_handled();
        assert!(spans.all().is_empty(), "{:?}", spans.names());
    }
    // A sampler that does not follow the parent is asked all the same.
    let always = Spans::sampled(Sampler::AlwaysOn);
    let t = TestClient::new(billing(&always));
    t.send(&order(7)).header("traceparent", unsampled).await.assert_handled();
    assert_eq!(always.one("process orders").parent_span_id, SpanId::from_hex(SENDER).unwrap());
}

#[handler(event = "Logs")]
async fn logs() {
    async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        tracing::info_span!("inside").in_scope(|| {});
    }
    .await;
}

/// A span processor that panics at one end of each span.
#[derive(Clone, Copy, Debug)]
enum Panics {
    AtStart,
    AtEnd,
}

impl SpanProcessor for Panics {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {
        assert!(matches!(self, Self::AtEnd), "the processor panics");
    }

    fn on_end(&self, _: SpanData) {
        assert!(matches!(self, Self::AtStart), "the processor panics");
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_span_processor_that_panics_loses_its_span_and_no_event() {
    for panics in [Panics::AtStart, Panics::AtEnd] {
        let provider = SdkTracerProvider::builder().with_span_processor(panics).build();
        let t = TestClient::new(billing_with(Traces::new().tracer(provider.tracer("test"))));
        t.send(&order(7)).await.assert_handled().assert_attempts(1);
        assert_eq!(t.sent::<OrderPriced>().len(), 1, "{panics:?}: what is returned");
        let t = client!(Traces::new().tracer(provider.tracer("test")), orders(), [sends]);
        t.send(&order(8)).await.assert_handled().assert_attempts(1);
        assert_eq!(t.sent::<OrderPriced>().len(), 2, "{panics:?}: what is sent");
    }
}

/// On a thread of its own: a subscriber is set for one thread, and the test's runtime has only that.
#[tokio::test(start_paused = true)]
async fn spans_of_tracing_are_within_the_handlers_too() {
    let spans = Spans::new();
    let layer = tracing_opentelemetry::layer().with_tracer(spans.tracer());
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let t = client!(spans.traces(), ConsumerConfig::new(["orders"]).group_id("g"), [logs]);
    t.record("orders").event_type("Logs").header("traceparent", PARENT).await.assert_handled();
    let (process, inside) = (spans.one("process orders"), spans.one("inside"));
    assert_eq!(inside.parent_span_id, process.span_context.span_id());
    assert_eq!(inside.span_context.trace_id(), TraceId::from_hex(TRACE).unwrap());
}

#[tokio::test]
async fn a_producer_without_an_app_sends_in_the_trace_of_the_code_that_sends() {
    use evkafka::embedded::Cluster;
    let cluster = Cluster::start().expect("a cluster");
    cluster.create_topic("prices", 1).expect("a topic");
    let spans = Spans::new();
    let config = ProducerConfig::new().bootstrap_servers(cluster.bootstrap_servers());
    let producer = Producer::with_traces("shop", &config, spans.traces()).expect("it starts");
    let tracer = spans.tracer();
    let outer = Context::new().with_span(tracer.start("outer"));
    {
        use opentelemetry::trace::FutureExt;
        let event = OrderPriced { id: 7, gross: 1 };
        producer.send(&event).into_future().with_context(outer.clone()).await.expect("it is acknowledged");
    }
    let send = spans.one("send prices");
    assert_eq!(send.parent_span_id, outer.span().span_context().span_id());
    assert_eq!(attribute(&send, "messaging.kafka.offset").as_deref(), Some("0"));
}
