//! Who has the right password or certificate consumes, commits and sends dead letters.

use evkafka_tests::kafka::{self, mtls_brokers, sasl_brokers, unique};

use super::*;
use crate::support::{handled, terminate};

/// Handles ten orders, but for one, which becomes a dead letter.
fn consumes(servers: &str, properties: &Properties) {
    let scene = Scene::new("secure", 2);
    let dead_letters = kafka::create_topic(&scene.brokers, "secure-dead", 1);
    scene.produce(0..10);
    let options = [("dead-letters", &*dead_letters), ("fails-at", "7"), ("commit-interval-ms", "100")];
    let mut command = command(&scene, servers, properties, &options);
    command.env(VARIABLE, password("scram-sha-256"));
    let mut process = ChildProcess::spawn(&mut command);
    scene.until("handled", |ledger| handled(ledger).len() == 9);
    // Ten orders, and two records that nobody handles.
    scene.until_committed(12);
    assert_eq!(scene.committed().values().sum::<i64>(), 12);
    shows_no_secret(&mut process);
    terminate(process);
}

#[test]
fn plain_with_the_password_in_a_file() {
    let mut properties = sasl("PLAIN");
    properties.push(("sasl.password.file", path("plain.password")));
    consumes(&sasl_brokers(), &properties);
}

#[test]
fn scram_sha_256_with_the_password_in_the_environment() {
    let mut properties = sasl("SCRAM-SHA-256");
    properties.push(("sasl.password.env", VARIABLE.to_owned()));
    consumes(&sasl_brokers(), &properties);
}

#[test]
fn scram_sha_512_with_the_password_in_the_configuration() {
    let mut properties = sasl("SCRAM-SHA-512");
    properties.push(("sasl.password", password("scram-sha-512")));
    consumes(&sasl_brokers(), &properties);
}

#[test]
fn mutual_tls_with_an_encrypted_key() {
    let mut properties = mutual_tls();
    properties.push(("ssl.key.password.file", path("client.key.password")));
    consumes(&mtls_brokers(), &properties);
}

#[test]
fn a_password_that_is_no_longer_valid_is_told_and_the_service_goes_on_when_it_is_again() {
    let scene = Scene::new("rotated", 1);
    let user = unique("rotated");
    kafka::set_scram_password(&scene.brokers, &user, Some("old-old-old"));
    let mut properties = sasl("SCRAM-SHA-256");
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
