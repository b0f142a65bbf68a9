//! Extractors that wait, and rejections after which another attempt is made, through the whole app.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use evkafka::{
    App, Backoff, FailurePolicy, LastStep, Metadata, State,
    embedded::Event,
    handle::{AsyncFromContext, Context, FromContext, OptionalFromContext, Rejection, Requirements},
    handler, router,
    settle::FailureKind,
};

use crate::support::{Ledger, Running, cluster, config, event, until_committed};

/// What answers the first `down` lookups with an error, and never that of the tenant `never`.
#[derive(Clone)]
struct Registry {
    down: Arc<AtomicU32>,
}

impl Registry {
    fn down(times: u32) -> Self {
        Self { down: Arc::new(AtomicU32::new(times)) }
    }

    async fn find(&self, tenant: &str) -> Result<usize, std::io::Error> {
        tokio::task::yield_now().await;
        if tenant == "never" {
            return std::future::pending().await;
        }
        let is_down = |down: u32| down.checked_sub(1);
        match self.down.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_down) {
            Ok(_) => Err(std::io::Error::other("the registry is down")),
            Err(_) => Ok(tenant.len()),
        }
    }
}

/// Borrows from the record across the wait.
struct Account<'r> {
    tenant: &'r str,
    number: usize,
}

impl<'r> AsyncFromContext<'r> for Account<'r> {
    type Rejection = Rejection;

    async fn from_context(context: &'r Context<'r>) -> Result<Self, Rejection> {
        let tenant = context.record().headers().get("tenant").ok_or("the record names no tenant")?;
        let tenant = str::from_utf8(tenant)?;
        let registry = context.state::<Registry>().ok_or("there is no registry")?;
        let number = registry.find(tenant).await.map_err(Rejection::retry)?;
        Ok(Self { tenant, number })
    }

    fn requires(requirements: &mut Requirements) {
        requirements.state::<Registry>();
    }
}

/// The same for a plain function, which cannot borrow.
struct Number(usize);

impl<'r> AsyncFromContext<'r> for Number {
    type Rejection = Rejection;

    async fn from_context(context: &'r Context<'r>) -> Result<Self, Rejection> {
        Account::from_context(context).await.map(|account| Self(account.number))
    }
}

#[handler(event = "OrderCreated")]
async fn created(id: u64, account: Account<'_>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("{id} of {} {}", account.tenant, account.number));
}

#[handler(event = "OrderPaid")]
fn paid(id: u64, Number(number): Number, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("{id} paid {number}"));
}

#[handler(event = "OrderCreated", batch(max = 3, within = "60s"))]
async fn batch(
    ids: Vec<u64>,
    accounts: Vec<Account<'_>>,
    State(ledger): State<Ledger>,
    metas: Vec<Metadata>,
) {
    for ((id, account), meta) in ids.iter().zip(&accounts).zip(&metas) {
        ledger.note(meta, format!("{id} of {} {}", account.tenant, account.number));
    }
}

fn of(tenant: &str, name: &str, id: u64) -> Event {
    event(name, id).header("tenant", tenant)
}

fn quick() -> FailurePolicy {
    FailurePolicy::new().backoff(Backoff::constant(Duration::from_millis(5)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_up_yet_is_a_failed_attempt_and_the_record_waits() {
    let cluster = cluster(1);
    cluster.send_all([of("blue", "OrderCreated", 1), of("red", "OrderPaid", 2)]).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).state(Registry::down(2)).consumer(
        "orders",
        config(&cluster).failure_policy(quick()),
        router![created, paid],
    );
    let app = Running::start(app);
    until_committed(&cluster, 2).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1 of blue 4", "2 paid 3"]);
    assert_eq!(ledger.calls().iter().map(|call| call.attempt).collect::<Vec<_>>(), [3, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_judges_a_lookup_that_keeps_failing_as_it_does_an_error_of_the_handler() {
    for (policy, attempts) in
        [(quick().attempts(2), 2), (quick().final_if(|error| error.is::<std::io::Error>()), 1)]
    {
        let cluster = cluster(1);
        cluster.send(of("blue", "OrderPaid", 1)).await.unwrap();
        let registry = Registry::down(10);
        let app = App::new("test").state(Ledger::default()).state(registry.clone()).consumer(
            "orders",
            config(&cluster).failure_policy(policy),
            router![paid],
        );
        let error = Running::start(app).ends().await.unwrap_err();
        let failure = &error.record().unwrap().failure;
        assert_eq!(failure.kind(), FailureKind::Error);
        assert_eq!(failure.cause().to_string(), "the registry is down");
        assert_eq!(registry.down.load(Ordering::Relaxed), 10 - attempts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_record_lacks_is_final_and_a_wait_ends_at_the_attempts_time_limit() {
    for (event, kind) in [
        (event("OrderCreated", 1), FailureKind::Undecodable),
        (of("never", "OrderCreated", 1), FailureKind::Timeout),
    ] {
        let cluster = cluster(1);
        cluster.send(event).await.unwrap();
        let policy = quick().attempts(1).attempt_timeout(Duration::from_millis(50));
        let app = App::new("test").state(Ledger::default()).state(Registry::down(0)).consumer(
            "orders",
            config(&cluster).failure_policy(policy),
            router![created],
        );
        let error = Running::start(app).ends().await.unwrap_err();
        assert_eq!(error.record().unwrap().failure.kind(), kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_tried_again_as_one_without_the_records_that_are_final() {
    let cluster = cluster(1);
    let events = [of("blue", "OrderCreated", 1), event("OrderCreated", 2), of("red", "OrderCreated", 3)];
    cluster.send_all(events).await.unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).state(Registry::down(3)).consumer(
        "orders",
        config(&cluster).failure_policy(quick().last_step(LastStep::Skip)),
        router![batch],
    );
    let app = Running::start(app);
    until_committed(&cluster, 3).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1 of blue 4", "3 of red 3"]);
}

/// Of one's own, and missing in some records.
struct Tenant(String);

impl<'r> OptionalFromContext<'r> for Tenant {
    type Rejection = Rejection;

    fn from_context(context: &Context<'r>) -> Result<Option<Self>, Rejection> {
        let Some(tenant) = context.record().headers().get("tenant") else { return Ok(None) };
        match str::from_utf8(tenant)? {
            // Whether an attempt is made again is for an extractor to say that does not wait, too.
            "later" if context.attempt() < 3 => Err(Rejection::retry("not yet")),
            tenant => Ok(Some(Self(tenant.to_owned()))),
        }
    }
}

impl<'r> FromContext<'r> for Tenant {
    type Rejection = Rejection;

    fn from_context(context: &Context<'r>) -> Result<Self, Rejection> {
        Option::<Self>::from_context(context)?.ok_or_else(|| "the record names no tenant".into())
    }
}

#[handler(event = "OrderCreated")]
async fn optional(id: u64, tenant: Option<Tenant>, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("{id} {:?} {}", tenant.map(|tenant| tenant.0), meta.attempt));
}

#[handler(event = "OrderPaid")]
async fn required(id: u64, Tenant(tenant): Tenant, State(ledger): State<Ledger>, meta: Metadata) {
    ledger.note(&meta, format!("{id} {tenant:?} {}", meta.attempt));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extractor_of_ones_own_may_be_optional_and_may_ask_for_another_attempt() {
    let cluster = cluster(1);
    cluster
        .send_all([
            event("OrderCreated", 1),
            of("blue", "OrderCreated", 2),
            of("later", "OrderCreated", 3),
            event("OrderPaid", 4),
            of("later", "OrderPaid", 5),
        ])
        .await
        .unwrap();
    let ledger = Ledger::default();
    let app = App::new("test").state(ledger.clone()).consumer(
        "orders",
        config(&cluster).failure_policy(quick().last_step(LastStep::Skip)),
        router![optional, required],
    );
    let app = Running::start(app);
    until_committed(&cluster, 5).await;
    app.stop().await.unwrap();
    assert_eq!(ledger.notes(), ["1 None 1", "2 Some(\"blue\") 1", "3 Some(\"later\") 3", "5 \"later\" 3"]);
}
