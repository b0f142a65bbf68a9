//! The same work as the loops', written with evkafka as it comes.

use std::time::{Duration, Instant};

use evkafka::{
    App, AutoCommitMode, Concurrency, ConsumerConfig, FailurePolicy, Metadata, Raw, handler, router,
};

use crate::{
    events::{Order, OrderRef, Payment, PaymentRef},
    produce,
    totals::{self, Run, Sums},
};

#[handler(event = "OrderCreated")]
pub(crate) async fn on_order(order: Order) {
    count_order(&order);
}

pub(crate) fn count_order(order: &Order) {
    totals::count(sums_of_order(order));
}

pub(crate) fn sums_of_order(order: &Order) -> Sums {
    let mut sums =
        Sums { records: 1, text: (order.customer.len() + order.currency.len()) as u64, ..Sums::default() };
    for line in &order.lines {
        sums.text += line.sku.len() as u64;
        sums.quantity += u64::from(line.quantity);
        sums.cents += line.cents + order.id % 2;
    }
    sums
}

#[handler(event = "PaymentReceived")]
pub(crate) async fn on_payment(payment: Payment) {
    count_payment(&payment);
}

pub(crate) fn count_payment(payment: &Payment) {
    totals::count(sums_of_payment(payment));
}

pub(crate) fn sums_of_payment(payment: &Payment) -> Sums {
    Sums {
        records: 1,
        quantity: 0,
        cents: payment.cents + payment.order % 2,
        text: payment.method.len() as u64,
    }
}

#[handler(event = "OrderCreated")]
async fn on_order_ref(order: OrderRef<'_>) {
    let mut sums =
        Sums { records: 1, text: (order.customer.len() + order.currency.len()) as u64, ..Sums::default() };
    for line in &order.lines {
        sums.text += line.sku.len() as u64;
        sums.quantity += u64::from(line.quantity);
        sums.cents += line.cents + order.id % 2;
    }
    totals::count(sums);
}

#[handler(event = "PaymentReceived")]
async fn on_payment_ref(payment: PaymentRef<'_>) {
    totals::count(Sums {
        records: 1,
        quantity: 0,
        cents: payment.cents + payment.order % 2,
        text: payment.method.len() as u64,
    });
}

/// Stands at the beginning and at the end of each partition.
#[handler(event = "Mark")]
async fn on_mark() {
    totals::count(Sums { records: 1, ..Sums::default() });
    totals::flush();
}

mod many {
    use crate::{
        events::Payment,
        totals::{self, Sums},
    };

    fn count(handler: u64, payment: Payment) {
        totals::count(Sums {
            records: handler,
            quantity: 0,
            cents: payment.cents + payment.order,
            text: payment.method.len() as u64,
        });
    }

    use super::{on_order, on_payment};
    include!(concat!(env!("OUT_DIR"), "/many_handlers.rs"));

    pub(super) fn router() -> evkafka::Router<impl evkafka::route::Routes> {
        router_of_1000!(on_order, on_payment)
    }
}

/// Ten milliseconds of waiting for each record, as for a database or another service.
#[handler(fallback)]
async fn on_slow() {
    tokio::time::sleep(Duration::from_millis(10)).await;
    totals::count(Sums { records: 1, ..Sums::default() });
}

/// Fifty microseconds of computation for each record.
#[handler(fallback)]
async fn on_computed(Raw(payload): Raw<'_>) {
    let begun = Instant::now();
    let mut hash = 0_u64;
    while begun.elapsed() < Duration::from_micros(50) {
        hash = payload.iter().fold(hash, |hash, byte| hash.rotate_left(5) ^ u64::from(*byte));
    }
    std::hint::black_box(hash);
    totals::count(Sums { records: 1, ..Sums::default() });
}

#[handler(event = "OrderCreated", batch(max = 500, within = "50ms"))]
async fn on_orders(orders: Vec<Order>) {
    for order in orders {
        count_order(&order);
    }
}

#[handler(event = "PaymentReceived", batch(max = 500, within = "50ms"))]
async fn on_payments(payments: Vec<Payment>) {
    for payment in payments {
        count_payment(&payment);
    }
}

/// A fifth of the records fail, and go to the dead letters.
#[handler(fallback)]
async fn on_failing(meta: Metadata) -> Result<(), &'static str> {
    totals::count(Sums { records: 1, ..Sums::default() });
    if meta.offset % 5 == 0 { Err("every fifth fails") } else { Ok(()) }
}

pub(crate) fn config(brokers: &str, topic: &str) -> ConsumerConfig {
    let group = format!("bench-{}-{:?}", std::process::id(), Instant::now());
    ConsumerConfig::new([topic]).bootstrap_servers(brokers).group_id(group)
}

pub(crate) fn run(variant: &str, brokers: &str, topic: &str, records: u64, partitions: u64) -> Run {
    let config = config(brokers, topic);
    let (work, config) = match variant.strip_suffix("pre-commit") {
        Some(work) => (work.trim_end_matches('-'), config.auto_commit_mode(AutoCommitMode::PreCommit)),
        None => (variant, config),
    };
    let app = App::new("bench");
    // A fifth of the records is of a type that nobody handles.
    let handled = records * 8 / 10;
    let (app, expected) = match work {
        "" | "owned" => (app.consumer("bench", config, router![on_order, on_payment]), handled),
        "borrowed" => (app.consumer("bench", config, router![on_order_ref, on_payment_ref]), handled),
        "handlers-1000" => (app.consumer("bench", config, many::router()), handled),
        "keys" => {
            let config = config.concurrency(Concurrency::PerKey { in_flight: 1000 });
            (app.consumer("bench", config, router![on_order, on_payment]), handled)
        }
        "unmatched" => (app.consumer("bench", config, router![on_mark]), 2 * partitions),
        "unmatched-json" => {
            let config = config.event_type(["json:type"]);
            (app.consumer("bench", config, router![on_mark]), 2 * partitions)
        }
        "unordered" => {
            let config = config.concurrency(Concurrency::Unordered { in_flight: 1000 });
            (app.consumer("bench", config, router![on_order, on_payment]), handled)
        }
        "batches" => (app.consumer("bench", config, router![on_orders, on_payments]), handled),
        "batches-keys" => {
            let config = config.concurrency(Concurrency::PerKey { in_flight: 1000 });
            (app.consumer("bench", config, router![on_orders, on_payments]), handled)
        }
        "slow-keys" | "slow-keys-10000" => {
            let in_flight = if work == "slow-keys" { 1000 } else { 10_000 };
            let config = config.concurrency(Concurrency::PerKey { in_flight });
            (app.consumer("bench", config, router![on_slow]), records + 2 * partitions)
        }
        "computed" => (app.consumer("bench", config, router![on_computed]), records + 2 * partitions),
        "computed-keys" => {
            let config = config.concurrency(Concurrency::PerKey { in_flight: 1000 });
            (app.consumer("bench", config, router![on_computed]), records + 2 * partitions)
        }
        "dead-letters" => {
            let letters = format!("{topic}-dead-{}", std::process::id());
            produce::create(brokers, &letters, i32::try_from(partitions).expect("a number of partitions"));
            let policy = FailurePolicy::new().attempts(1).dead_letter(letters);
            let config = config.failure_policy(policy);
            (app.consumer("bench", config, router![on_failing]), records + 2 * partitions)
        }
        other => panic!("no variant is called {other}"),
    };
    let done = async move {
        while totals::counted() < expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    runtime().block_on(app.run_until(done)).expect("the app runs");
    totals::finish()
}

/// As `#[tokio::main]` makes it, but for the counting.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(totals::flush)
        .build()
        .expect("a runtime")
}
