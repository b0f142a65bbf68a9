//! Measures evkafka against hand-written loops, on the same records of a real broker. `scripts/bench` runs all of it.
//!
//! `bench produce --brokers B --topic T --records N --partitions P` writes the records; `bench run VARIANT --brokers B
//! --topic T` consumes all of them once in a group of its own and prints one line of figures; `bench table --brokers B`
//! runs the variants in turn, round by round, each as a process of its own, and prints the ratios (`--of sending` those of
//! sending, also against producers of other languages). `latency`, `idle` and
//! `stuck` measure what their names say.
#![allow(clippy::print_stdout, reason = "figures are what the program is for")]

mod events;
mod framework;
mod group;
mod latency;
mod loops;
mod others;
mod picture;
mod produce;
mod resources;
mod sending;
mod table;
mod totals;

use std::{env, process::ExitCode};

use evkafka_tests::options::Options;

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let variant = if command == "run" { words.next().unwrap_or_default() } else { String::new() };
    let options = Options::parse(words);
    match command.as_str() {
        "produce" => produce::produce(&options),
        "run" => run(&variant, &options),
        "latency" => latency::latency(&options),
        "member" => group::member(&options),
        "idle" => resources::idle(&options),
        "stuck" => resources::stuck(&options),
        "table" => table::table(&options),
        _ => {
            println!("commands: produce, run VARIANT, latency, idle, stuck, table");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(variant: &str, options: &Options) {
    let (brokers, topic) = (options.text("brokers"), options.text("topic"));
    let (records, partitions) =
        (options.number("records").unwrap_or(2_000_000), options.number("partitions").unwrap_or(8));
    // One mark at the beginning and one at the end of each partition.
    let all = records + 2 * partitions;
    if let Some(program) = others::of_variant(variant) {
        return println!("{}", program.send(brokers, topic, records, partitions));
    }
    let run = match variant {
        "loop" => loops::hand_written(brokers, topic, all, loops::Tuning::Tuned),
        "loop-default" => loops::hand_written(brokers, topic, all, loops::Tuning::Default),
        "drain" => loops::drain(brokers, topic, all),
        sends if sends.starts_with("send-") => sending::send(sends, brokers, topic, records, partitions),
        forwards if forwards.starts_with("forward") => {
            sending::forward(forwards, brokers, topic, records, partitions)
        }
        other => framework::run(other, brokers, topic, records, partitions),
    };
    println!("{run}");
}
