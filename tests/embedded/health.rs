//! Whether an app is healthy, and what others see of it, mostly through its endpoint.

mod endpoint;
mod excused;
mod outside;
mod process;
mod stuck;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use evkafka::{Admin, admin::AdminAddress};

use crate::support::DEADLINE;

/// What counts as stuck in these tests. A busy machine must not be longer without a turn.
const STALL: Duration = Duration::from_secs(4);

/// An answer of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// Asks an endpoint, which may take as long as a probe waits.
fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) =
        answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {path}: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// Asks from a test whose runtime the app runs on.
async fn ask(address: SocketAddr, path: &'static str) -> Answer {
    tokio::task::spawn_blocking(move || get(address, path, "")).await.expect("no panic")
}

/// Asks until the answer is this status.
async fn until(address: SocketAddr, path: &'static str, status: u16) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = ask(address, path).await;
        if answer.status == status {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "{path} is not {status} but {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks again and again whether the app is live, for long enough that what is stuck would be found out.
async fn stays_live(address: SocketAddr) {
    let begun = Instant::now();
    while begun.elapsed() < STALL * 2 {
        let answer = ask(address, "/livez").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An endpoint on any port.
fn admin() -> (Admin, AdminAddress) {
    let admin = Admin::on("127.0.0.1:0");
    let address = admin.address();
    (admin, address)
}

/// Waits until the endpoint listens.
async fn listens(address: &AdminAddress) -> SocketAddr {
    let begun = Instant::now();
    loop {
        if let Some(address) = address.get() {
            return address;
        }
        assert!(begun.elapsed() < DEADLINE, "the endpoint does not listen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
