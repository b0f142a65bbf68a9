//! The example that the README names does what it says.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

/// Cargo builds a package's examples before it runs the package's tests, and puts them beside the tests' folder.
fn run(example: &str, arguments: &[&str]) -> Output {
    let test = env::current_exe().expect("a path");
    let profile: PathBuf = test.ancestors().nth(2).expect("…/deps/test").to_owned();
    Command::new(profile.join("examples").join(example)).args(arguments).output().expect("the example starts")
}

/// The amount that the summary gives for `name`, in cents.
fn amount(summary: &str, name: &str) -> u64 {
    let line = summary.lines().find(|line| line.trim_start().starts_with(name));
    let amount = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap_or_else(|| panic!("no {name} in {summary}"));
    amount.replace('.', "").parse().expect("an amount")
}

#[test]
fn the_books_agree_with_the_events() {
    let (mut invoiced, mut paid, mut refunded) = (0, 0, 0);
    for line in include_str!("../orders/orders.jsonl").lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let payload = &event["payload"];
        let cents = payload["cents"].as_u64().unwrap_or(0);
        match (event["type"].as_str().expect("a type"), event["cluster"].as_str().expect("a cluster")) {
            ("OrderCreated", _) => {
                for line in payload["lines"].as_array().expect("lines") {
                    invoiced += line["quantity"].as_u64().expect("a number")
                        * line["cents"].as_u64().expect("a number");
                }
            }
            ("OrderPaid", _) => paid += cents,
            ("RefundRequested", "shop") => refunded += cents,
            _ => {}
        }
    }
    let output = run("orders", &[]);
    let summary = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{summary} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(amount(&summary, "invoiced"), invoiced);
    assert_eq!(amount(&summary, "paid"), paid);
    assert_eq!(amount(&summary, "refunded"), refunded);
    assert_eq!(amount(&summary, "retried"), 1);
    assert!(summary.contains("242/242") && summary.contains("102/102"), "all is committed: {summary}");
}

#[test]
fn a_wrong_argument_is_told_and_is_a_failure() {
    let output = run("orders", &["--broker", "localhost:9092"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no option `--broker`"));
}

#[test]
fn a_cluster_that_does_not_answer_is_told_and_is_a_failure() {
    let output = run("orders", &["--brokers", "127.0.0.1:1"]);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("no answer from the Kafka cluster at `127.0.0.1:1`"), "{error}");
}

#[test]
fn the_recipes_end_well() {
    for recipe in ["at_most_once", "extractors", "dead_letters", "config_file"] {
        let output = run(recipe, &[]);
        assert!(output.status.success(), "{recipe}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
