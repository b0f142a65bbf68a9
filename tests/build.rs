//! Tells the tests whether the compiler is the one whose messages are checked in.

use std::{env, process::Command};

/// The one place that names it. Another compiler words its errors differently.
const PINNED: &str = "rustc 1.95.";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(pinned_compiler)");
    let rustc = env::var_os("RUSTC").expect("cargo names the compiler");
    let version =
        Command::new(rustc).arg("--version").output().expect("the compiler says its version").stdout;
    if String::from_utf8_lossy(&version).starts_with(PINNED) {
        println!("cargo::rustc-cfg=pinned_compiler");
    }
}
