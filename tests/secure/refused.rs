//! Who is not let in is told before anything is consumed: what, where, and what to do about it.

use evkafka_tests::kafka::{brokers, mtls_brokers, sasl_brokers};

use super::*;

/// The error of a service that is not let in: one line, which names the consumer and the servers.
fn refusal(servers: &str, properties: &Properties) -> String {
    let scene = Scene::new("refused", 1);
    scene.produce(0..1);
    let process = ChildProcess::spawn(&mut command(&scene, servers, properties, &[]));
    let error = failure(process);
    assert!(error.contains("consumer `internal`") && error.contains(servers), "{error}");
    assert_eq!(scene.ledger(), []);
    error
}

#[track_caller]
fn says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
}

#[test]
fn a_wrong_password() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let mut properties = sasl(mechanism);
        properties.push(("sasl.password", WRONG.to_owned()));
        says(&refusal(&sasl_brokers(), &properties), &["do not agree on SASL", "`sasl.password`"]);
    }
}

#[test]
fn a_mechanism_that_the_cluster_does_not_have() {
    let mut properties = sasl("OAUTHBEARER");
    properties.retain(|(name, _)| *name != "sasl.username");
    properties.push(("enable.sasl.oauthbearer.unsecure.jwt", "true".to_owned()));
    properties.push(("sasl.oauthbearer.config", "principal=me".to_owned()));
    says(&refusal(&sasl_brokers(), &properties), &["do not agree on SASL", "`sasl.mechanism`"]);
}

#[test]
fn a_cluster_whose_certificate_another_ca_has_signed() {
    let mut properties = sasl("PLAIN");
    properties.push(("ssl.ca.location", path("other-ca.pem")));
    properties.push(("sasl.password.file", path("plain.password")));
    says(
        &refusal(&sasl_brokers(), &properties),
        &["do not agree on TLS", "`ssl.ca.location`", "certificate"],
    );
}

#[test]
fn a_client_without_the_certificate_that_is_demanded() {
    says(&refusal(&mtls_brokers(), &tls()), &["do not agree on TLS", "`ssl.certificate.location`"]);
}

#[test]
fn a_client_without_tls_where_tls_is_demanded() {
    let error = refusal(&sasl_brokers(), &Vec::new());
    says(&error, &["within 10s", "may demand TLS or SASL", "`security.protocol`"]);
}

#[test]
fn a_client_with_tls_where_there_is_none() {
    let error = refusal(&brokers(), &tls());
    says(&error, &["within 10s", "it may not use TLS: check `security.protocol`"]);
}

#[test]
fn a_key_that_the_password_does_not_open() {
    let mut properties = mutual_tls();
    properties.push(("ssl.key.password", WRONG.to_owned()));
    let scene = Scene::new("refused", 1);
    let error = failure(ChildProcess::spawn(&mut command(&scene, &mtls_brokers(), &properties, &[])));
    says(&error, &["consumer `internal`", "ssl.key.location"]);
}
