//! Runs variants in turn and prints their ratios.

use std::process::Command;

use crate::Options;

/// What is compared: the variant, what it is compared with, and the least that we want of it.
const PAIRS: &[(&str, &str, f64)] = &[
    ("owned", "loop", 1.15),
    ("borrowed", "loop", 1.5),
    ("owned", "loop-default", 2.4),
    ("unmatched", "drain", 0.95),
    ("pre-commit", "owned", 0.95),
];

pub(crate) fn table(options: &Options) {
    let rounds = options.number("rounds", 5);
    let mut variants: Vec<&str> = PAIRS.iter().flat_map(|(ours, theirs, _)| [*ours, *theirs]).collect();
    variants.sort_unstable();
    variants.dedup();
    // One run that is not counted, so that the broker's page cache is warm for the first variant too.
    run("drain", options);
    let mut seconds = vec![Vec::new(); variants.len()];
    for round in 0..rounds {
        for (index, variant) in variants.iter().enumerate() {
            let (took, rest) = run(variant, options);
            println!("round {} {variant:<12} {took:.3} s  {rest}", round + 1);
            seconds[index].push(took);
        }
    }
    let records = options.number("records", 2_000_000) as f64;
    println!(
        "\n{:<12} {:>12} {:>12} {:>12}   records/s: median, least, most",
        "variant", "median", "least", "most"
    );
    for (variant, seconds) in variants.iter().zip(&seconds) {
        let [median, least, most] = spread(seconds.iter().map(|s| records / s));
        println!("{variant:<12} {median:>12.0} {least:>12.0} {most:>12.0}");
    }
    println!(
        "\n{:<26} {:>8} {:>8} {:>8} {:>8}",
        "ratio, round by round", "median", "least", "most", "wanted"
    );
    let of = |name| &seconds[variants.iter().position(|v| v == name).expect("a variant")];
    for (ours, theirs, wanted) in PAIRS {
        let [median, least, most] =
            spread(of(ours).iter().zip(of(theirs)).map(|(ours, theirs)| theirs / ours));
        println!("{:<26} {median:>8.2} {least:>8.2} {most:>8.2} {wanted:>8.2}", format!("{ours} / {theirs}"));
    }
}

fn run(variant: &str, options: &Options) -> (f64, String) {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.args(["run", variant]);
    for (name, value) in &options.0 {
        command.args([&format!("--{name}"), value]);
    }
    let output = command.output().expect("started");
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{variant}: {line} {}", String::from_utf8_lossy(&output.stderr));
    let (seconds, rest) =
        line.trim().strip_prefix("seconds=").and_then(|l| l.split_once(' ')).expect("figures");
    (seconds.parse().expect("a number"), rest.to_owned())
}

fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[values.len() / 2], values[0], values[values.len() - 1]]
}
