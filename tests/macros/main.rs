//! The macros: what they accept, what they refuse and in which words, and what their expansions do.
//!
//! One folder for each topic. `pass/*.rs` compile without a warning and run, with any compiler: each is a test of the package that
//! `macros/Cargo.toml` describes. `fail/*.rs` do not compile, and what the compiler says stands beside them. After a change of the messages
//! `TRYBUILD=overwrite cargo test -p evkafka-tests --test macros` writes them again, to be read as a user would read them.

mod behaviour;

use std::{fs, path::Path};

/// `[target.<triple>.<links>]` replaces a build script by what it would have printed.
///
/// The failing cases are checked, and nothing is linked, so that there is no need to build librdkafka once more: trybuild has a
/// target directory and compiler flags of its own. It runs cargo inside of that directory, which is where cargo looks for this.
fn leave_out_the_c_libraries() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target directory");
    let folder = target.join("tests/trybuild/.cargo");
    let tables = ["rdkafka", "z", "zstd"]
        .map(|links| format!("[target.{}.{links}]\nrustc-link-lib = []\n", env!("EVKAFKA_TESTS_TARGET")));
    fs::create_dir_all(&folder).expect("a folder beside trybuild's");
    fs::write(folder.join("config.toml"), tables.join("\n")).expect("cargo's configuration can be written");
}

#[test]
#[cfg_attr(not(pinned_compiler), ignore = "the messages are those of the compiler that `build.rs` names")]
fn refuses_in_these_words() {
    leave_out_the_c_libraries();
    trybuild::TestCases::new().compile_fail("macros/*/fail/*.rs");
}

#[test]
fn each_passing_case_is_a_test_of_its_own() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("macros");
    let manifest = fs::read_to_string(package.join("Cargo.toml")).expect("the manifest");
    let topics = fs::read_dir(&package).expect("the folder of this test");
    let passing = topics.filter_map(|topic| fs::read_dir(topic.expect("an entry").path().join("pass")).ok());
    let cases: Vec<_> = passing.flatten().map(|case| case.expect("an entry").path()).collect();
    let entries = cases.iter().map(|case| {
        let path = case.strip_prefix(&package).expect("inside of the package").display().to_string();
        let name = path.trim_end_matches(".rs").replace("/pass/", "-");
        format!("[[test]]\nname = \"{name}\"\npath = \"{path}\"\nharness = false\n")
    });
    let missing: Vec<_> = entries.filter(|entry| !manifest.contains(entry)).collect();
    assert!(!cases.is_empty(), "there are passing cases");
    assert!(missing.is_empty(), "add to tests/macros/Cargo.toml:\n{}", missing.join("\n"));
}
