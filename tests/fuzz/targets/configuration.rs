//! Whatever a file says, a configuration is read and checked without a panic, and neither an error nor `Debug` has a secret in it.
//!
//! Input: JSON if it begins with a brace, TOML otherwise.
#![no_main]

use std::fmt::{Debug, Display};

use evkafka::ConsumerConfig;
use evkafka_fuzz::secrets::{SECRET, VARIABLE, plant};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(init: set_variable(), |data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let is_json = text.starts_with('{');
    let tree: Option<Value> =
        if is_json { serde_json::from_str(text).ok() } else { toml::from_str(text).ok() };
    let Some(mut tree) = tree else { return };
    let shows_one_already = text.contains("hunter2");
    if shows_one_already || !plant("", &mut tree) {
        return;
    }
    // As it is written, with the ways in which the two formats deliver values, and then with secrets in it.
    if is_json {
        let _ = serde_json::from_str(text).map(check);
    } else {
        let _ = toml::from_str(text).map(check);
    }
    match serde_json::from_value(tree) {
        Ok(config) => check(config),
        Err(error) => judge(&error),
    }
});

fn set_variable() {
    // SAFETY: there is one thread as yet.
    unsafe { std::env::set_var(VARIABLE, SECRET) };
}

fn check(config: ConsumerConfig) {
    judge_debug(&config);
    if let Err(error) = config.validate() {
        judge(&error);
        assert!(error.to_string().lines().count() == error.faults().len(), "{error}");
    }
}

fn judge(error: &(impl Display + Debug)) {
    assert!(!error.to_string().contains(SECRET), "{error}");
    judge_debug(error);
}

fn judge_debug(shown: &impl Debug) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        assert!(!text.contains(SECRET), "{text}");
    }
}
