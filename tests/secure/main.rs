//! Tests against an Apache Kafka that demands TLS and SASL:
//! `scripts/kafka run --secure -- cargo test -p evkafka-tests --features secure --test secure`.

mod accepted;
mod refused;
#[path = "../broker/support.rs"]
#[allow(dead_code, reason = "the other tests on Apache Kafka use the rest")]
mod support;

use std::{collections::BTreeMap, fs, process::Command};

use evkafka_tests::{kafka::security_file, process::ChildProcess};
use support::{DEADLINE, Scene};

/// An environment variable of the service, with the password of `scram-sha-256`.
const VARIABLE: &str = "BILLING_PASSWORD";

/// The properties of a client: names and values.
type Properties = Vec<(&'static str, String)>;

fn path(name: &str) -> String {
    security_file(name).to_str().expect("is UTF-8").to_owned()
}

fn password(user: &str) -> String {
    fs::read_to_string(security_file(&format!("{user}.password"))).expect("can be read").trim().to_owned()
}

/// SASL over TLS, without a password.
fn sasl(mechanism: &'static str) -> Properties {
    vec![
        ("security.protocol", "sasl_ssl".to_owned()),
        ("ssl.ca.location", path("ca.pem")),
        ("sasl.mechanism", mechanism.to_owned()),
        ("sasl.username", mechanism.to_lowercase()),
    ]
}

/// TLS, without a certificate of the client's own.
fn tls() -> Properties {
    vec![("security.protocol", "ssl".to_owned()), ("ssl.ca.location", path("ca.pem"))]
}

/// TLS with the client's certificate, without the password of its key.
fn mutual_tls() -> Properties {
    let certificate =
        [("ssl.certificate.location", path("client.pem")), ("ssl.key.location", path("client.key.pem"))];
    tls().into_iter().chain(certificate).collect()
}

/// The service, which tells of everything that it does, at `servers` with these properties; of one that is there twice, the last
/// counts.
fn command(scene: &Scene, servers: &str, properties: &Properties, options: &[(&str, &str)]) -> Command {
    let properties: BTreeMap<_, _> = properties.iter().cloned().collect();
    let properties = serde_json::to_string(&properties).expect("strings");
    let mut all = vec![("brokers", servers), ("properties", &*properties), ("logs", "trace")];
    all.extend(options);
    scene.command(&all)
}

/// What a process says before it ends by itself, with a failure.
fn failure(mut process: ChildProcess) -> String {
    assert!(!process.wait(DEADLINE).success(), "it fails");
    shows_no_secret(&mut process);
    process.stderr()
}

/// Nothing that the process has written, at any level, has a password in it.
fn shows_no_secret(process: &mut ChildProcess) {
    let output = process.stdout().join("\n") + &process.stderr();
    assert!(output.contains("librdkafka"), "the output is there");
    for user in ["plain", "scram-sha-256", "scram-sha-512", "client.key"] {
        assert!(!output.contains(&password(user)), "the password of {user} is shown:\n{output}");
    }
    assert!(!output.contains(WRONG), "the wrong password is shown:\n{output}");
}

/// A password that nobody has.
const WRONG: &str = "hunter2-hunter2";
