//! Runs variants in turn and prints their ratios.

use std::{collections::BTreeMap, fs, process::Command};

use evkafka_tests::options::Options;

use crate::{group, picture};

/// What is compared.
struct Row {
    /// What is said of it.
    name: &'static str,
    ours: Measure,
    theirs: Measure,
    /// The least that we want of theirs ÷ ours, in seconds or microseconds.
    wanted: f64,
}

/// Something that takes a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Measure {
    /// All records once.
    Run(&'static str),
    /// The same records in 1,000 partitions.
    In1000Partitions(&'static str),
    /// A hundred thousand records in one partition.
    In1Partition(&'static str),
    /// The same records with the event type in a header and as the first field of the payload.
    WithTypes(&'static str),
    /// So many processes of one group.
    Processes(usize),
    /// The 50th or 99th percentile of the time from the producer to the handler.
    P50(&'static str),
    P99(&'static str),
}
use Measure::{In1Partition, In1000Partitions, P50, P99, Processes, Run, WithTypes};

const ROWS: &[Row] = &[
    row("owned structs / tuned loop", Run("owned"), Run("loop"), 1.15),
    row("borrowing structs / tuned loop, owned", Run("borrowed"), Run("loop"), 1.5),
    row("owned structs / loop, librdkafka's defaults", Run("owned"), Run("loop-default"), 2.4),
    row("in order for each key / tuned loop, owned", Run("keys"), Run("loop"), 1.4),
    row("unordered / tuned loop, owned", Run("unordered"), Run("loop"), 1.5),
    row("batches of 500 / tuned loop, owned", Run("batches"), Run("loop"), 1.6),
    row("batches of 500, by key / tuned loop, owned", Run("batches-keys"), Run("loop"), 1.2),
    row(
        "50 µs of computing, by key / in order",
        In1Partition("computed-keys"),
        In1Partition("computed"),
        1.8,
    ),
    row("nothing matched / tuned drain", Run("unmatched"), Run("drain"), 0.95),
    row("the same, `json:type` / header", WithTypes("unmatched-json"), WithTypes("unmatched"), 0.95),
    row("pre-commit / post-commit", Run("pre-commit"), Run("owned"), 0.95),
    row("1,000 handlers / 2 handlers", Run("handlers-1000"), Run("owned"), 0.95),
    row("1,000 partitions / 8 partitions", In1000Partitions("owned"), Run("owned"), 0.9),
    row("two processes / one process", Processes(2), Processes(1), 1.0),
    row("latency p50 / tuned loop", P50("owned"), P50("loop"), 0.95),
    row("latency p99 / tuned loop", P99("owned"), P99("loop"), 0.95),
];

/// The same of sending, which `--of sending` measures.
const SENDING: &[Row] = &[
    row("sending / ThreadedProducer, callback", Run("send-evkafka"), Run("send-loop"), 1.0),
    row("sending / FutureProducer, 1,000 in flight", Run("send-evkafka"), Run("send-future"), 2.0),
    row("sending / Java's producer", Run("send-evkafka"), Run("send-java"), 0.9),
    row("sending / franz-go", Run("send-evkafka"), Run("send-franz"), 0.9),
    row("returned events / a loop of that guarantee", Run("forward"), Run("forward-loop"), 1.2),
    row("returned events / consuming alone", Run("forward"), Run("owned"), 0.6),
];

const fn row(name: &'static str, ours: Measure, theirs: Measure, wanted: f64) -> Row {
    Row { name, ours, theirs, wanted }
}

pub(crate) fn table(options: &Options) {
    let rounds = options.number("rounds").unwrap_or(5);
    let rows = match options.get("of").unwrap_or("consuming") {
        "consuming" => ROWS,
        "sending" => SENDING,
        other => panic!("--of takes consuming or sending, not {other}"),
    };
    let mut measures: Vec<Measure> = rows.iter().flat_map(|row| [row.ours, row.theirs]).collect();
    measures.sort_unstable();
    measures.dedup();
    // One run of each topic that is not counted, so that the broker's page cache is warm for the first variant too.
    take(Run("drain"), options);
    if measures.contains(&In1000Partitions("owned")) {
        take(In1000Partitions("owned"), options);
    }
    let mut figures: BTreeMap<Measure, Vec<f64>> = BTreeMap::new();
    let mut peaks: BTreeMap<Measure, Vec<f64>> = BTreeMap::new();
    let mut times: BTreeMap<Measure, Vec<f64>> = BTreeMap::new();
    let mut sums: Option<String> = None;
    for round in 0..rounds {
        // What comes first finds another machine than what comes last, and what follows a long run another than what follows a
        // short one: each round has an order of its own, the same in each table.
        fastrand::Rng::with_seed(round).shuffle(&mut measures);
        for &measure in &measures {
            for Taken { measure, figure, peak_mib, cpu_seconds, counted } in take(measure, options) {
                println!("round {} {:<24} {figure:.4} {counted}", round + 1, measure.name());
                figures.entry(measure).or_default().push(figure);
                if let Some(peak) = peak_mib {
                    peaks.entry(measure).or_default().push(peak);
                }
                if let Some(seconds) = cpu_seconds {
                    times.entry(measure).or_default().push(seconds);
                }
                if measure.decodes_all() {
                    let counted_before = sums.get_or_insert_with(|| counted.clone());
                    assert_eq!(*counted_before, counted, "{} did not do the same work", measure.name());
                }
            }
        }
    }
    let records = options.number("records").unwrap_or(2_000_000) as f64;
    print_figures(&figures, records);
    print_spreads("peak resident memory", "MiB", 0, peaks, 1.0);
    print_spreads("processor time", "s per million records", 2, times, 1e6 / records);
    let ratios: Vec<_> = rows.iter().map(|row| (row.name, ratio(row, &figures), row.wanted)).collect();
    println!(
        "\n{:<46} {:>8} {:>8} {:>8} {:>8}",
        "times as fast, round by round", "median", "least", "most", "wanted"
    );
    for (name, [median, least, most], wanted) in &ratios {
        println!("{name:<46} {median:>8.2} {least:>8.2} {most:>8.2} {wanted:>8.2}");
    }
    if let Some(path) = options.get("picture") {
        fs::write(path, picture::bars(&ratios)).expect("the picture can be written");
    }
}

/// What a run came to.
struct Taken {
    measure: Measure,
    figure: f64,
    /// The most that was resident, if that is of use.
    peak_mib: Option<f64>,
    /// User and system time, where all of the process is spent on the records.
    cpu_seconds: Option<f64>,
    counted: String,
}

/// Measures; what of it belongs to which measure, with what was counted.
fn take(measure: Measure, options: &Options) -> Vec<Taken> {
    let of_run = |line: String| {
        let counted = line[line.find("records=").expect("figures")..].trim().to_owned();
        let (peak_mib, cpu_seconds) = (field_if_any(&line, "peak-mib"), field_if_any(&line, "cpu-seconds"));
        vec![Taken { measure, figure: field(&line, "seconds"), peak_mib, cpu_seconds, counted }]
    };
    let of_latency = |line: &str, figures: [(Measure, &str); 2]| {
        let of = |(measure, name)| Taken {
            measure,
            figure: field(line, name),
            peak_mib: None,
            cpu_seconds: None,
            counted: String::new(),
        };
        figures.map(of).into()
    };
    match measure {
        Run(variant) => of_run(bench(&["run", variant], options, &[])),
        In1000Partitions(variant) => {
            let topic = format!("{}-1000", options.text("topic"));
            let line = bench(&["run", variant], options, &[("topic", &topic), ("partitions", "1000")]);
            of_run(line)
        }
        WithTypes(variant) => {
            let topic = format!("{}-types", options.text("topic"));
            of_run(bench(&["run", variant], options, &[("topic", &topic)]))
        }
        In1Partition(variant) => {
            let topic = format!("{}-1", options.text("topic"));
            let other = [("topic", &*topic), ("partitions", "1"), ("records", "100000")];
            of_run(bench(&["run", variant], options, &other))
        }
        Processes(count) => {
            let (seconds, records, busy) = group::processes(count, options);
            let counted = format!("records={records} all cores {busy:.0} % busy");
            vec![Taken { measure, figure: seconds, peak_mib: None, cpu_seconds: None, counted }]
        }
        P50("owned") => {
            let line = bench(&["latency"], options, &[("feed", "in-turn")]);
            of_latency(&line, [(measure, "p50"), (P50("loop"), "loop-p50")])
        }
        P99("owned") => {
            let line = bench(&["latency"], options, &[("feed", "together")]);
            of_latency(&line, [(measure, "p99"), (P99("loop"), "loop-p99")])
        }
        // Of the same runs.
        P50(_) | P99(_) => Vec::new(),
    }
}

/// Runs this program; the line that it prints.
fn bench(command: &[&str], options: &Options, other: &[(&str, &str)]) -> String {
    let mut process = Command::new(std::env::current_exe().expect("a path"));
    process.args(command);
    let given = options.iter();
    let given = given.filter(|(name, _)| !other.iter().any(|(other, _)| other == name));
    for (name, value) in given.chain(other.iter().copied()) {
        process.args([&format!("--{name}"), value]);
    }
    let output = process.output().expect("started");
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {line} {}", String::from_utf8_lossy(&output.stderr));
    line
}

pub(crate) fn field(line: &str, name: &str) -> f64 {
    field_if_any(line, name).unwrap_or_else(|| panic!("no {name} in {line:?}"))
}

fn field_if_any(line: &str, name: &str) -> Option<f64> {
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok())
}

fn ratio(row: &Row, figures: &BTreeMap<Measure, Vec<f64>>) -> [f64; 3] {
    spread(figures[&row.ours].iter().zip(&figures[&row.theirs]).map(|(ours, theirs)| theirs / ours))
}

fn print_figures(figures: &BTreeMap<Measure, Vec<f64>>, records: f64) {
    println!("\n{:<24} {:>12} {:>12} {:>12}", "", "median", "least", "most");
    for (measure, figures) in figures {
        let (unit, figures): (_, Vec<f64>) = match measure {
            P50(_) | P99(_) => ("µs", figures.clone()),
            In1Partition(_) => ("records/s", figures.iter().map(|seconds| 100_000.0 / seconds).collect()),
            _ => ("records/s", figures.iter().map(|seconds| records / seconds).collect()),
        };
        let [median, least, most] = spread(figures.into_iter());
        println!("{:<24} {median:>12.0} {least:>12.0} {most:>12.0} {unit}", measure.name());
    }
}

fn print_spreads(what: &str, unit: &str, digits: usize, figures: BTreeMap<Measure, Vec<f64>>, times: f64) {
    println!("\n{what:<24} {:>12} {:>12} {:>12}", "median", "least", "most");
    for (measure, figures) in figures {
        let [median, least, most] = spread(figures.into_iter().map(|figure| figure * times));
        println!("{:<24} {median:>12.digits$} {least:>12.digits$} {most:>12.digits$} {unit}", measure.name());
    }
}

fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[values.len() / 2], values[0], values[values.len() - 1]]
}

impl Measure {
    fn name(self) -> String {
        match self {
            Run(variant) => variant.to_owned(),
            In1000Partitions(variant) => format!("{variant}, 1,000 partitions"),
            In1Partition(variant) => format!("{variant}, one partition"),
            WithTypes(variant) => format!("{variant}, types twice"),
            Processes(count) => format!("{count} of a group"),
            P50(variant) => format!("{variant}, p50"),
            P99(variant) => format!("{variant}, p99"),
        }
    }

    /// Whether it has to come to the same sums as all others that do.
    fn decodes_all(self) -> bool {
        match self {
            // Forwarding counts what is sent, and not the marks.
            Run(variant) => {
                !["drain", "unmatched"].contains(&variant)
                    && !["send-", "forward"].iter().any(|other| variant.starts_with(other))
            }
            In1000Partitions(_) => true,
            In1Partition(_) | WithTypes(_) | Processes(_) | P50(_) | P99(_) => false,
        }
    }
}
