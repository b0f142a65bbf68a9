//! What a user takes in with evkafka: licences that fit, and no crate twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
};

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// All that is compiled into a program that uses evkafka, with every feature.
fn dependencies() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--all-features", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../evkafka/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let Metadata { packages, resolve } = serde_json::from_slice(&output.stdout).expect("cargo's metadata");
    let nodes: BTreeMap<&str, &Node> = resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
    let first = &packages.iter().find(|package| package.name == "evkafka").expect("it is there").id;
    let (mut seen, mut open) = (BTreeSet::new(), vec![&**first]);
    while let Some(id) = open.pop() {
        if seen.insert(id.to_owned()) {
            let compiled_in =
                |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
            open.extend(nodes[id].deps.iter().filter(compiled_in).map(|dependency| &*dependency.pkg));
        }
    }
    packages.into_iter().filter(|package| seen.contains(&package.id)).collect()
}

/// One of them has to be among a crate's alternatives.
const LICENCES: &[&str] =
    &["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "0BSD", "Unicode-3.0", "Unlicense"];

fn is_free(licence: &str) -> bool {
    let one = |licence: &str| LICENCES.contains(&licence.trim_matches(['(', ')', ' ']));
    // `A/B` is the old way to write `A OR B`.
    licence.replace('/', " OR ").split(" AND ").all(|part| part.split(" OR ").any(one))
}

#[test]
fn every_licence_is_one_that_a_company_can_take() {
    let dependencies = dependencies();
    assert!(dependencies.iter().any(|package| package.name == "rdkafka-sys"), "the list is complete");
    let odd: Vec<_> = dependencies
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(is_free))
        .map(|package| format!("{} {} {:?}", package.name, package.version, package.license))
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

#[test]
fn licences_are_read() {
    assert!(
        is_free("MIT OR Apache-2.0")
            && is_free("MIT/GPL-3.0")
            && is_free("(MIT OR Apache-2.0) AND Unicode-3.0")
    );
    assert!(!is_free("GPL-3.0") && !is_free("MIT AND GPL-3.0") && !is_free(""));
}

/// What macros use, and only while they run: other crates' have not moved to the version that ours are written with.
const AT_BUILD_TIME: &[&str] = &["syn"];

#[test]
fn no_crate_is_there_in_two_versions() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in dependencies() {
        versions.entry(package.name).or_default().push(package.version);
    }
    versions.retain(|name, versions| versions.len() > 1 && !AT_BUILD_TIME.contains(&&**name));
    assert!(versions.is_empty(), "{versions:#?}");
}

#[test]
fn opentelemetry_and_the_crate_metrics_are_there_with_their_features_only() {
    let tree = |features: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "-e", "normal", "--prefix", "none", "-p", "evkafka", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../evkafka/Cargo.toml"))
            .args(features)
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("cargo's text")
    };
    let without = tree(&["--features", "embedded,testing"]);
    let has_metrics = |tree: &str| tree.lines().any(|line| line.starts_with("metrics "));
    assert!(without.contains("rdkafka ") && !without.contains("opentelemetry"), "{without}");
    assert!(!has_metrics(&without), "{without}");
    let with = tree(&["--features", "otel"]);
    assert!(with.contains("opentelemetry ") && !with.contains("opentelemetry_sdk"), "{with}");
    let with = tree(&["--features", "metrics"]);
    assert!(has_metrics(&with) && !with.contains("metrics-util"), "{with}");
}
