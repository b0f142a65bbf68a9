//! Tells the tests whether the compiler is the one whose messages are checked in, takes the recipes out of their page, and writes handlers for
//! the benchmarks.

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
    println!("cargo::rerun-if-changed={RECIPES}");
    let page = fs::read_to_string(RECIPES).expect("the page can be read");
    write("recipes.rs", &recipes(&page));
    if env::var_os("CARGO_FEATURE_BENCH").is_some() {
        write("many_handlers.rs", &many_handlers());
    }
}

fn write(file: &str, text: &str) {
    let out = env::var_os("OUT_DIR").expect("cargo names the directory");
    fs::write(Path::new(&out).join(file), text).expect("the file can be written");
}

const RECIPES: &str = "../docs/recipes.md";

/// The code of a page of recipes: the first block as it stands, and each other one in a module that is called as its heading.
///
/// Doc tests would be a program for each.
fn recipes(page: &str) -> String {
    let (mut code, mut name, mut blocks) = (String::new(), String::new(), 0);
    let mut is_code = false;
    for line in page.lines() {
        match line {
            "```rust" => {
                is_code = true;
                if blocks > 0 {
                    write!(code, "mod {name} {{\nuse super::*;\n").expect("a string takes all");
                }
            }
            "```" if is_code => {
                is_code = false;
                code.push_str(if blocks > 0 { "}\n" } else { "" });
                blocks += 1;
            }
            _ if is_code => writeln!(code, "{line}").expect("a string takes all"),
            _ => {
                if let Some(heading) = line.strip_prefix("### ") {
                    let words =
                        heading.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
                    name = words.collect::<Vec<_>>().join("_").to_lowercase();
                }
            }
        }
    }
    assert!(blocks > 1 && !is_code, "{RECIPES} has {blocks} blocks of code");
    code
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
