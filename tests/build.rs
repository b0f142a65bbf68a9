//! Tells the tests whether the compiler is the one whose messages are checked in, and writes handlers for the benchmarks.

use std::{env, fmt::Write, fs, path::Path, process::Command};

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
    println!("cargo::rustc-env=EVKAFKA_TESTS_TARGET={}", env::var("TARGET").expect("cargo names the target"));
    if env::var_os("CARGO_FEATURE_BENCH").is_some() {
        let out = env::var_os("OUT_DIR").expect("cargo names the directory");
        fs::write(Path::new(&out).join("many_handlers.rs"), many_handlers())
            .expect("the file can be written");
    }
}

/// 998 handlers, and a macro that makes a router of them and two others.
fn many_handlers() -> String {
    let (mut handlers, mut list) = (String::new(), String::new());
    for n in 0..998 {
        write!(
            handlers,
            "#[evkafka::handler(event = \"Other{n}\")]\nasync fn on_other_{n}(payment: Payment) {{ count({n}, payment); }}\n"
        )
        .expect("a string takes all");
        write!(list, ", on_other_{n}").expect("a string takes all");
    }
    format!(
        "{handlers}\nmacro_rules! router_of_1000 {{ ($a:ident, $b:ident) => {{ evkafka::router![$a, $b{list}] }}; }}\n"
    )
}
