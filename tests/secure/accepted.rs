//! Who has the right password or certificate consumes, commits and sends dead letters.

use std::time::Instant;

use evkafka_tests::kafka::{self, mtls_brokers, sasl_brokers, unique};

use super::*;
use crate::support::{handled, terminate};

/// Handles ten orders, but for one, which becomes a dead letter.
fn consumes(mut command: impl FnMut(&Scene, &[(&str, &str)]) -> Command) {
    let scene = Scene::new("secure", 2);
    let dead_letters = kafka::create_topic(&scene.brokers, "secure-dead", 1);
    scene.produce(0..10);
    let mut process = ChildProcess::spawn(&mut command(
        &scene,
        &[("dead-letters", &dead_letters), ("fails-at", "7"), ("commit-interval-ms", "100")],
    ));
    // Ten orders, and two records that nobody handles.
    let is_all_committed = || scene.committed().values().sum::<i64>() == 12;
    scene.until("handled", |ledger| handled(ledger).len() == 9);
    let deadline = Instant::now() + DEADLINE;
    while !is_all_committed() {
        assert!(Instant::now() < deadline, "{:?}", scene.committed());
    }
    shows_no_secret(&mut process);
    terminate(process);
}

#[test]
fn plain_with_the_password_in_a_file() {
    let mut properties = sasl("PLAIN");
    properties.push(("sasl.password.file", path("plain.password")));
    consumes(|scene, options| command(scene, &sasl_brokers(), &properties, options));
}

#[test]
fn scram_sha_256_with_the_password_in_the_environment() {
    let mut properties = sasl("SCRAM-SHA-256");
    properties.push(("sasl.password.env", VARIABLE.to_owned()));
    consumes(|scene, options| {
        let mut command = command(scene, &sasl_brokers(), &properties, options);
        command.env(VARIABLE, password("scram-sha-256"));
        command
    });
}

#[test]
fn scram_sha_512_with_the_password_in_the_configuration() {
    let mut properties = sasl("SCRAM-SHA-512");
    properties.push(("sasl.password", password("scram-sha-512")));
    consumes(|scene, options| command(scene, &sasl_brokers(), &properties, options));
}

#[test]
fn mutual_tls_with_an_encrypted_key() {
    let mut properties = tls();
    properties.extend([
        ("ssl.certificate.location", path("client.pem")),
        ("ssl.key.location", path("client.key.pem")),
        ("ssl.key.password.file", path("client.key.password")),
    ]);
    consumes(|scene, options| command(scene, &mtls_brokers(), &properties, options));
}

#[test]
fn a_password_that_is_no_longer_valid_is_told_and_the_service_goes_on_when_it_is_again() {
    let scene = Scene::new("rotated", 1);
    let user = unique("rotated");
    kafka::set_scram_password(&scene.brokers, &user, Some("old-old-old"));
    let mut properties = sasl("SCRAM-SHA-256");
    properties.retain(|(name, _)| *name != "sasl.username");
    properties.extend([("sasl.username", user.clone()), ("sasl.password", "old-old-old".to_owned())]);
    scene.produce(0..10);
    let mut process = ChildProcess::spawn(&mut command(&scene, &sasl_brokers(), &properties, &[]));
    scene.until("handled", |ledger| handled(ledger).len() == 10);

    kafka::set_scram_password(&scene.brokers, &user, None);
    process.wait_for_line(DEADLINE, |line| {
        line.contains("ERROR") && line.contains("denies access") && line.contains("`sasl.password`")
    });
    kafka::set_scram_password(&scene.brokers, &user, Some("old-old-old"));
    scene.produce(10..20);
    scene.until("handled", |ledger| handled(ledger).len() == 20);
    shows_no_secret(&mut process);
    assert!(!process.stdout().iter().any(|line| line.contains("old-old-old")));
    terminate(process);
}
