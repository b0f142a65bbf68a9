//! What a restart would help: live fails, in a process of its own.

#[cfg(unix)]
use evkafka_tests::process::Signal;

use super::{
    get,
    process::{Service, event},
    until,
};
#[cfg(unix)]
use crate::support::DEADLINE;
use crate::support::cluster;

#[tokio::test(flavor = "multi_thread")]
async fn live_fails_where_all_workers_are_blocked() {
    // As many as there may be workers, and one whose lane waits for them.
    let cores = std::thread::available_parallelism().map_or(8, std::num::NonZero::get);
    let partitions = u16::try_from(cores + 1).expect("few cores");
    let limit = ("attempt-timeout-ms", "1000");
    for options in [&[limit][..], &[limit, ("one-thread", "yes")][..]] {
        let cluster = cluster(partitions);
        let service = Service::start(&cluster, options);
        until(service.address, "/startupz", 200).await;
        assert_eq!(get(service.address, "/livez", "").body, "ok\n");
        let hogs = (0..i32::from(partitions)).map(|partition| event("Hogs", partition, 1));
        cluster.send_all(hogs).await.expect("they are sent");
        let answer = until(service.address, "/livez", 503).await;
        assert!(answer.body.contains("the runtime's threads are blocked"), "{answer:?}");
        assert!(!answer.body.contains("its thread, which polls Kafka"), "{answer:?}");
        service.until_marked(false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_eight_partitions_that_is_stuck_fails_live_and_is_named() {
    let never = ("attempts-never-time-out", "yes");
    for options in [&[never][..], &[never, ("keys-in-flight", "4")][..]] {
        let cluster = cluster(8);
        let service = Service::start(&cluster, options);
        until(service.address, "/readyz", 200).await;
        service.until_marked(true).await;
        let orders = (0..8).map(|partition| event("OrderCreated", partition, 1));
        cluster.send_all(orders.chain([event("Waits", 3, 2)])).await.expect("they are sent");
        let answer = until(service.address, "/livez", 503).await;
        let lines: Vec<_> = answer.body.lines().collect();
        assert_eq!((lines.len(), lines[0]), (2, "failed"), "{answer:?}");
        assert!(lines[1].starts_with("consumer `internal`, orders[3], offset "), "{answer:?}");
        assert!(lines[1].contains("on_waits` has been at work for "), "{answer:?}");
        let json = get(service.address, "/livez", "Accept: application/json\r\n");
        let json: serde_json::Value = serde_json::from_str(&json.body).expect("JSON");
        assert_eq!(
            (&json["status"], &json["reasons"][0]["partition"]),
            (&"failed".into(), &3.into()),
            "{json}"
        );
        assert_eq!(get(service.address, "/readyz", "").status, 200, "it is ready all the same");
        service.until_marked(false).await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_drains_is_live_and_not_ready_until_its_port_is_closed() {
    let cluster = cluster(1);
    let mut service = Service::start(&cluster, &[("shutdown-ms", "10000")]);
    until(service.address, "/readyz", 200).await;
    cluster.send(event("Waits", 0, 1)).await.expect("it is sent");
    service.until_written("begin 0 0 1").await;
    service.process.signal(Signal::Term);
    let answer = until(service.address, "/readyz", 503).await;
    assert_eq!(answer.body, "failed\nthe app is draining\n");
    let address = service.address;
    assert_eq!((get(address, "/livez", "").status, get(address, "/startupz", "").status), (200, 200));
    assert!(service.process.wait(DEADLINE).success());
    assert!(!service.is_marked_live(), "the file is removed at the end");
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
}
