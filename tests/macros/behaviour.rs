//! What the expansions do when they run.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use evkafka::{
    __private::testing::{Surroundings, required_states, specs},
    CancellationToken, DecodeError, EventType, Headers, Key, Metadata, Outcome, Raw, Router, State, Text,
    handle::{Attempt, Context, FromContext, Requirements},
    handler,
    record::OwnedRecord,
    route::Routes,
    router,
};
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Order {
    id: u64,
    customer: String,
}

#[derive(Deserialize)]
struct Seen<'a> {
    sku: &'a str,
}

/// Where handlers write down what they were given.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn record() -> OwnedRecord {
    OwnedRecord::new("orders", 3, 42)
        .consumer("billing")
        .key("k")
        .header("tenant", "blue")
        .payload(r#"{"id": 7, "customer": "Ada"}"#)
}

fn done(attempt: Option<Attempt>) {
    assert!(matches!(attempt, Some(Attempt::Returned(Outcome::Done))), "{attempt:?}");
}

/// Takes a new order into the books.
///
/// And more that is not the summary.
#[handler(event = "OrderCreated")]
async fn on_order_created(order: Order, State(log): State<Log>) {
    log.note(format!("{} {}", order.id, order.customer));
}

#[tokio::test]
async fn gives_the_decoded_payload_and_a_state() {
    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    done(surroundings.call(&router![on_order_created], Some("OrderCreated"), &record()).await);
    assert_eq!(log.lines(), ["7 Ada"]);
}

#[tokio::test]
async fn leaves_the_function_callable() {
    let log = Log::default();
    on_order_created(Order { id: 1, customer: "Bob".to_owned() }, State(log.clone())).await;
    assert_eq!(log.lines(), ["1 Bob"]);
}

#[test]
fn knows_path_events_and_summary() {
    #[handler(event = ["A", "B"])]
    async fn two() {}

    /** In a block,
     * with a second line. */
    #[handler(fallback)]
    async fn rest() {}

    let specs = specs(&router![on_order_created, two, rest]);
    let texts: Vec<_> = specs.iter().map(|spec| (spec.path, spec.events, spec.summary)).collect();
    assert_eq!(
        texts,
        [
            (
                "macros::behaviour::on_order_created",
                &["OrderCreated"][..],
                "Takes a new order into the books."
            ),
            ("macros::behaviour::two", &["A", "B"], ""),
            ("macros::behaviour::rest", &[], "In a block,"),
        ]
    );
    assert!(specs[2].is_fallback());
}

#[test]
fn asks_for_the_states_of_all_handlers() {
    #[handler(event = "A")]
    async fn first(_: Order, _: State<u8>, _: State<String>) {}

    #[handler(event = "B")]
    fn second(State(_): State<Log>) {}

    assert_eq!(
        required_states(&router![first, second]),
        ["u8", std::any::type_name::<String>(), std::any::type_name::<Log>()]
    );
}

#[tokio::test]
async fn routes_several_events_and_the_rest() {
    #[handler(event = ["A", "B"])]
    async fn two(State(log): State<Log>, EventType(event): EventType<'_>) {
        log.note(format!("two {event}"));
    }

    #[handler(fallback)]
    async fn rest(State(log): State<Log>, event: Option<EventType<'_>>) {
        log.note(format!("rest {:?}", event.map(|event| event.0.to_owned())));
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    let router = router![two, rest];
    for event in [Some("B"), Some("C"), None, Some("A")] {
        done(surroundings.call(&router, event, &record()).await);
    }
    assert_eq!(log.lines(), ["two B", "rest Some(\"C\")", "rest None", "two A"]);
    assert!(surroundings.call(&router![two], Some("C"), &record()).await.is_none());
}

#[tokio::test]
async fn routes_through_merged_and_copied_routers() {
    #[handler(event = "A")]
    async fn a(State(log): State<Log>) {
        log.note("a");
    }

    #[handler(event = "B")]
    async fn b(State(log): State<Log>) {
        log.note("b");
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    let first = router![a];
    let merged = first.clone().merge(router![b]);
    for event in ["B", "A"] {
        done(surroundings.call(&merged, Some(event), &record()).await);
    }
    done(surroundings.call(&first, Some("A"), &record()).await);
    assert_eq!(log.lines(), ["b", "a", "a"]);
    assert_eq!(
        format!("{:?}", router![a, b]),
        "Router { routes: [macros::behaviour::a, macros::behaviour::b] }"
    );
}

#[tokio::test]
async fn routes_through_boxed_routers_that_were_put_together_at_run_time() {
    #[handler(event = "A")]
    async fn a(State(log): State<Log>) {
        log.note("a");
    }

    #[handler(event = "B")]
    async fn b(State(log): State<Log>) {
        log.note("b");
    }

    #[handler(event = "C")]
    async fn c(State(log): State<Log>) {
        tokio::task::yield_now().await;
        log.note("c");
    }

    fn chosen(with_c: bool) -> Router {
        let mut router = Router::new();
        for part in [router![b].boxed(), router![a].boxed()] {
            router = router.merge(part);
        }
        if with_c { router.merge(router![c]) } else { router }
    }

    #[handler(fallback)]
    async fn rest(State(log): State<Log>) {
        log.note("rest");
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    let (with, without) = (chosen(true), chosen(false));
    for event in ["A", "B", "C"] {
        done(surroundings.call(&with, Some(event), &record()).await);
    }
    assert!(surroundings.call(&without, Some("C"), &record()).await.is_none());
    // A static router that is merged with a boxed one, and boxed in turn.
    let all: Router = [Router::default(), router![rest].merge(without).boxed()].into_iter().collect();
    for event in ["C", "B"] {
        done(surroundings.call(&all, Some(event), &record()).await);
    }
    assert_eq!(log.lines(), ["a", "b", "c", "rest", "b"]);
    assert_eq!(required_states(&all).len(), 3);
    assert!(specs(&Router::new()).is_empty());
}

/// A tree of pairs stops the compiler at two dozen of them.
#[tokio::test]
async fn two_hundred_routers_are_merged_one_by_one() {
    #[handler(event = "A")]
    async fn a() {}

    #[handler(fallback)]
    async fn rest(State(log): State<Log>) {
        log.note("rest");
    }

    macro_rules! and_ten {
        ($router:expr) => {
            $router
                .merge(nothing())
                .merge(nothing())
                .merge(nothing())
                .merge(nothing())
                .merge(nothing())
                .merge(nothing())
                .merge(nothing())
                .merge(nothing())
                .merge(nothing())
                .merge(nothing())
        };
    }
    macro_rules! and_fifty {
        ($router:expr) => {
            and_ten!(and_ten!(and_ten!(and_ten!(and_ten!($router)))))
        };
    }
    fn nothing() -> Router<impl Routes> {
        router![a]
    }

    let all = and_fifty!(and_fifty!(and_fifty!(and_fifty!(router![rest]))));
    let paths: Vec<_> = specs(&all).iter().map(|spec| spec.path).collect();
    assert_eq!(paths.len(), 201);
    assert!(paths[0].ends_with("::rest") && paths[1..].iter().all(|path| path.ends_with("::a")));
    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    done(surroundings.call_at(&all, 0, &record()).await);
    for index in 1..=200 {
        done(surroundings.call_at(&all, index, &record()).await);
    }
    assert_eq!(log.lines(), ["rest"]);
}

#[tokio::test]
async fn lends_what_lies_in_the_record() {
    #[handler(event = "Seen")]
    async fn seen<'a>(
        Seen { sku }: Seen<'a>,
        Key(key): Key<'_>,
        Raw(raw): Raw<'a>,
        Text(text): Text<'_>,
        headers: Headers<'_>,
        State(log): State<Log>,
    ) {
        tokio::task::yield_now().await;
        log.note(format!("{sku} {key:?} {} {text} {:?}", raw.len(), headers.get("tenant")));
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    let record = record().payload(r#"{"sku":"x1"}"#);
    done(surroundings.call(&router![seen], Some("Seen"), &record).await);
    assert_eq!(log.lines(), [format!("x1 {:?} 12 {} {:?}", Some(b"k"), r#"{"sku":"x1"}"#, Some(b"blue"))]);
}

#[tokio::test]
async fn gives_a_plain_str_from_the_payload() {
    #[handler(event = "A")]
    async fn named<'a>(name: &'a str, Key(_): Key<'a>, State(log): State<Log>) {
        log.note(name);
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    done(surroundings.call(&router![named], Some("A"), &record().payload("\"Ada\"")).await);
    assert_eq!(log.lines(), ["Ada"]);
}

#[tokio::test]
async fn tells_where_the_record_came_from() {
    #[handler(event = "A")]
    async fn on(meta: Metadata, State(log): State<Log>) {
        let Metadata { consumer, topic, partition, offset, attempt, .. } = meta;
        log.note(format!("{consumer} {topic} {partition} {offset} {attempt}"));
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    done(surroundings.call(&router![on], Some("A"), &record()).await);
    assert_eq!(log.lines(), ["billing orders 3 42 1"]);
}

#[tokio::test]
async fn gives_a_tombstone_as_none() {
    #[handler(event = "A")]
    async fn on(order: Option<Order>, raw: Option<Raw<'_>>, text: Option<Text<'_>>, State(log): State<Log>) {
        log.note(format!("{} {} {}", order.is_none(), raw.is_none(), text.is_none()));
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    done(surroundings.call(&router![on], Some("A"), &OwnedRecord::new("orders", 0, 0)).await);
    done(surroundings.call(&router![on], Some("A"), &record()).await);
    assert_eq!(log.lines(), ["true true true", "false false false"]);
}

#[tokio::test]
async fn does_not_call_a_handler_whose_payload_does_not_decode() {
    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    for payload in ["{", "{}", "\u{0}"] {
        let attempt = surroundings
            .call(&router![on_order_created], Some("OrderCreated"), &record().payload(payload))
            .await;
        let Some(Attempt::Undecodable(error)) = attempt else { panic!("{attempt:?}") };
        assert!(error.is::<DecodeError>(), "{error:?}");
    }
    assert!(log.lines().is_empty());
}

#[tokio::test]
async fn leaves_an_undecodable_payload_to_a_handler_that_takes_the_error() {
    #[handler(event = "A")]
    async fn on(order: Result<Order, DecodeError>, State(log): State<Log>) {
        log.note(order.map_or_else(|error| error.to_string(), |order| order.customer));
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    done(surroundings.call(&router![on], Some("A"), &record()).await);
    done(surroundings.call(&router![on], Some("A"), &record().payload("{")).await);
    assert_eq!(log.lines(), ["Ada", "the payload is not a valid `Order`"]);
}

#[tokio::test]
async fn hands_over_the_cancellation_token() {
    #[handler(event = "A")]
    async fn on(token: CancellationToken) {
        token.cancelled().await;
    }

    let surroundings = Surroundings::default();
    surroundings.cancellation.cancel();
    done(surroundings.call(&router![on], Some("A"), &record()).await);
}

#[tokio::test]
async fn takes_extractors_of_the_users_own() {
    struct Tenant<'r>(&'r str);

    impl<'r> FromContext<'r> for Tenant<'r> {
        type Rejection = &'static str;

        fn from_context(context: &Context<'r>) -> Result<Self, Self::Rejection> {
            let bytes = context.record().headers().get("tenant").ok_or("the record names no tenant")?;
            str::from_utf8(bytes).map(Tenant).map_err(|_| "the tenant is not UTF-8")
        }

        fn requires(requirements: &mut Requirements) {
            requirements.state::<u16>();
        }
    }

    #[handler(event = "A")]
    async fn on(Tenant(tenant): Tenant<'_>, State(log): State<Log>) {
        log.note(tenant);
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    done(surroundings.call(&router![on], Some("A"), &record()).await);
    assert_eq!(log.lines(), ["blue"]);
    assert_eq!(required_states(&router![on])[0], "u16");
    let attempt = surroundings.call(&router![on], Some("A"), &OwnedRecord::new("orders", 0, 0)).await;
    let Some(Attempt::Undecodable(error)) = attempt else { panic!("{attempt:?}") };
    assert_eq!(error.to_string(), "the record names no tenant");
}

#[tokio::test]
async fn runs_a_plain_function_on_another_thread() {
    #[handler(event = "A")]
    fn on(mut order: Order, State(log): State<Log>) -> Result<(), Infallible> {
        order.id += 1;
        std::thread::sleep(Duration::from_millis(1));
        log.note(format!("{:?} {}", std::thread::current().id(), order.id));
        Ok(())
    }

    #[handler(event = "B")]
    fn panics() {
        panic!("oh");
    }

    let log = Log::default();
    let surroundings = Surroundings::default().state(log.clone());
    done(surroundings.call(&router![on], Some("A"), &record()).await);
    let line = log.lines().remove(0);
    assert!(
        line.ends_with(" 8") && !line.starts_with(&format!("{:?}", std::thread::current().id())),
        "{line}"
    );
    let attempt = surroundings.call(&router![panics], Some("B"), &record()).await;
    assert!(matches!(&attempt, Some(Attempt::Panicked(message)) if message == "oh"), "{attempt:?}");
}

#[tokio::test]
async fn takes_every_kind_of_outcome() {
    #[handler(event = "Error")]
    async fn error() -> Result<(), String> {
        Err("no".to_owned())
    }

    #[handler(event = "Skip")]
    async fn skip() -> Outcome {
        Outcome::Skip
    }

    #[handler(event = "Later")]
    fn later() -> Result<Outcome, std::io::Error> {
        Ok(Outcome::RetryAfter(Duration::from_secs(3)))
    }

    #[handler(event = "Opaque")]
    async fn opaque() -> impl evkafka::handle::IntoOutcome {
        Outcome::Skip
    }

    #[handler(event = "Never")]
    async fn never() -> ! {
        std::future::pending().await
    }

    let router = router![error, skip, later, opaque, never];
    let surroundings = Surroundings::default();
    let call = async |event| surroundings.call(&router, Some(event), &record()).await.unwrap();
    assert!(matches!(call("Error").await, Attempt::Failed(error) if error.to_string() == "no"));
    assert!(matches!(call("Skip").await, Attempt::Returned(Outcome::Skip)));
    assert!(matches!(call("Opaque").await, Attempt::Returned(Outcome::Skip)));
    let later = call("Later").await;
    assert!(matches!(later, Attempt::Returned(Outcome::RetryAfter(time)) if time.as_secs() == 3));
}

/// The title stands last and is no literal, and yet the expressions run in the order in which they are written.
#[test]
fn app_evaluates_its_expressions_in_the_order_of_the_source() {
    static NEXT: AtomicU32 = AtomicU32::new(0);

    fn at<T>(expected: u32, value: T) -> T {
        assert_eq!(NEXT.fetch_add(1, Ordering::Relaxed), expected);
        value
    }

    #[handler(event = "A")]
    async fn a() {}

    let _ = evkafka::app! {
        state: at(0, 7_u8),
        consumers: {
            first: at(1, evkafka::ConsumerConfig::new(["a"])) => [a],
            "second": at(2, evkafka::ConsumerConfig::new(["b"])) => at(3, router![a]),
        },
        title: at(4, "orders"),
        state: at(5, "text"),
        version: at(6, "1.0.0"),
    };
    assert_eq!(NEXT.load(Ordering::Relaxed), 7);
}
