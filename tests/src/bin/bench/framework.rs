//! The same work as the loops', written with evkafka as it comes.

use std::time::{Duration, Instant};

use evkafka::{App, AutoCommitMode, Concurrency, ConsumerConfig, handler, router};

use crate::{
    events::{Order, OrderRef, Payment, PaymentRef},
    totals::{self, Run, Sums},
};

#[handler(event = "OrderCreated")]
pub(crate) async fn on_order(order: Order) {
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
pub(crate) async fn on_payment(payment: Payment) {
    totals::count(Sums {
        records: 1,
        quantity: 0,
        cents: payment.cents + payment.order % 2,
        text: payment.method.len() as u64,
    });
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
        "slow-keys" => {
            let config = config.concurrency(Concurrency::PerKey { in_flight: 1000 });
            (app.consumer("bench", config, router![on_slow]), records + 2 * partitions)
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
