//! What is left of an app whose future was dropped. A test binary of its own: it counts threads of the process.
#![cfg(target_os = "linux")]

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use evkafka::{
    App, Concurrency, ConsumerConfig, State,
    embedded::{Cluster, Event},
    handler, router,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
};

const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
struct Begun(Arc<Notify>);

#[handler(event = "Endless")]
async fn endless(State(begun): State<Begun>) {
    begun.0.notify_one();
    std::future::pending::<()>().await;
}

/// How many Kafka clients there are, and apps that publish their numbers: each has one thread of its name.
///
/// Linux ends the listing of a process's threads early where the thread that it has come to ends meanwhile, so it is read several times.
fn clients() -> usize {
    (0..10).map(|_| clients_listed()).max().unwrap_or_default()
}

fn clients_listed() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("the process's threads");
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| ["rdk:main", "evkafka-metrics"].contains(&name.trim())).count()
}

/// Drops an app in the midst of a handler, several times, on a runtime that nobody drives after that. Also how many clients there were
/// before.
fn dropped_on_a_runtime_of_one_thread(concurrency: Concurrency) -> (Runtime, Cluster, usize) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cluster = Cluster::start().expect("a cluster");
    cluster.create_topic("orders", 1).expect("a topic");
    runtime.block_on(cluster.send(Event::new("orders").event_type("Endless"))).expect("an acknowledgement");
    let before = clients();
    for round in 0..3 {
        let begun = Begun::default();
        let config = ConsumerConfig::new(["orders"])
            .bootstrap_servers(cluster.bootstrap_servers())
            .group_id(format!("billing-{round}"))
            .concurrency(concurrency);
        // It does not wait until the next time.
        let app = App::new("test").publish_metrics(24 * 60 * DEADLINE).state(begun.clone());
        let app = app.consumer("orders", config, router![endless]);
        runtime.block_on(async {
            tokio::select! {
                ended = app.run_until(std::future::pending()) => panic!("{ended:?}"),
                () = begun.0.notified() => {}
                () = tokio::time::sleep(DEADLINE) => panic!("the handler was not called"),
            }
        });
        assert!(
            clients() > before,
            "what follows counts the right threads: {before} before, {} after in round {round}",
            clients()
        );
    }
    (runtime, cluster, before)
}

fn until_clients(wanted: usize) {
    let deadline = Instant::now() + DEADLINE;
    while clients() > wanted {
        assert!(Instant::now() < deadline, "{wanted} clients before, {} after", clients());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_app_that_is_dropped_leaves_no_client_behind() {
    let (runtime, cluster, before) = dropped_on_a_runtime_of_one_thread(Concurrency::PerPartition);
    until_clients(before);
    drop((runtime, cluster));
    until_clients(0);

    // Handlers that run concurrently are tasks of their own, which the runtime has to drop: here, when the member has long given up
    // waiting for them (which is what this sleep is for; nothing is waited for that could be seen).
    let (runtime, cluster, before) =
        dropped_on_a_runtime_of_one_thread(Concurrency::PerKey { in_flight: 10 });
    std::thread::sleep(Duration::from_secs(4));
    drop(runtime);
    until_clients(before);
    drop(cluster);
    until_clients(0);
}
