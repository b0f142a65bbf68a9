//! What a person gets to read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    io::{self, Write},
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use evkafka::Metadata;
use evkafka_examples::takes_colour;

use crate::{feed::Fed, handlers::ROUTES, ledger::Books};

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

/// How wide the progress is drawn.
const WIDTH: usize = 40;

static COLOUR: LazyLock<bool> = LazyLock::new(|| takes_colour(&io::stdout()));
/// What is drawn below the last line, at a terminal only.
static PROGRESS: Mutex<String> = Mutex::new(String::new());

fn painted(style: &str, text: impl Display) -> String {
    if *COLOUR { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_string() }
}

/// Prints a line above the progress. (It goes on if nobody reads it any more.)
pub(crate) fn line(text: impl Display) {
    let _ = above_progress(|| writeln!(io::stdout(), "{text}"));
}

/// Takes the progress away for as long as `print` needs.
fn above_progress(print: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let progress = PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = io::stdout();
    if !progress.is_empty() {
        write!(out, "\r\x1b[2K")?;
        out.flush()?;
    }
    print()?;
    write!(out, "{progress}")?;
    out.flush()
}

/// Writes evkafka's log to stderr, above the progress.
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above_progress(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Draws how far it has come; nothing if the output is no terminal.
pub(crate) fn progress(settled: u64, all: u64) {
    if !*COLOUR {
        return;
    }
    let done = usize::try_from(settled * WIDTH as u64 / all.max(1)).unwrap_or(WIDTH).min(WIDTH);
    let bar = painted(GREEN, "━".repeat(done)) + &painted(DIM, "━".repeat(WIDTH - done));
    draw(format!("  {bar} {settled} of {all} events"));
}

/// Takes the progress away.
pub(crate) fn end_of_progress() {
    draw(String::new());
}

fn draw(text: String) {
    let mut progress = PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = io::stdout().lock();
    let _ = if progress.is_empty() { Ok(()) } else { write!(out, "\r\x1b[2K") }
        .and_then(|()| write!(out, "{text}"))
        .and_then(|()| out.flush());
    *progress = text;
}

pub(crate) fn title(text: &str) {
    line(painted(BOLD, text));
}

pub(crate) fn heading(text: &str) {
    line("");
    title(text);
}

pub(crate) fn fed(fed: &Fed) {
    let Fed { name, cluster, partitions, sent } = fed;
    let servers = painted(DIM, format!("{:<16}", cluster.bootstrap_servers()));
    line(format!(
        "  {} {servers} {partitions} partitions {sent:>5} events",
        painted(CYAN, format!("{name:<9}"))
    ));
}

/// A handler that failed, and will be called again.
pub(crate) fn failed(error: &impl Display, metadata: &Metadata) {
    note(metadata, painted(YELLOW, format!("↻ attempt {}: {error}", metadata.attempt)));
}

pub(crate) fn retried(order: &str, metadata: &Metadata) {
    let text = format!("✓ attempt {}: the payment of {order} went through", metadata.attempt);
    note(metadata, painted(GREEN, text));
}

pub(crate) fn day_closed(metadata: &Metadata) {
    note(metadata, format!("the day is over, after {} events", metadata.offset));
}

fn note(Metadata { consumer, topic, partition, offset, .. }: &Metadata, text: impl Display) {
    let place = painted(DIM, format!("{:<11} {offset:>3}", format!("{topic}[{partition}]")));
    line(format!("  {} {place}  {text}", painted(CYAN, format!("{consumer:<9}"))));
}

/// How many events of each type, by cluster; `None` are those without a type.
pub(crate) type Arrived = BTreeMap<&'static str, BTreeMap<Option<String>, u64>>;

/// What came in, and where it was routed.
pub(crate) fn routes(arrived: &Arrived) {
    let names: Vec<_> = arrived.keys().map(|name| format!("{name:>10}")).collect();
    heading(&format!("Event type          routed to             {}", names.join("")));
    let types: BTreeSet<&Option<String>> = arrived.values().flat_map(BTreeMap::keys).collect();
    let route = |name: &str| ROUTES.iter().find(|(event, _)| *event == name).map(|(_, handler)| *handler);
    // What is handled comes first.
    for handled in [true, false] {
        for event in types.iter().filter(|event| event.as_deref().and_then(route).is_some() == handled) {
            let name = event.as_deref().unwrap_or("(none)");
            let counts = arrived.values().map(|by_type| by_type.get(event).copied().unwrap_or_default());
            let counts: String = counts.map(|count| format!("{count:>10}")).collect();
            let target = match route(name) {
                Some(handler) => painted(GREEN, format!("{handler:<22}")),
                None => painted(DIM, format!("{:<22}", "skipped, not decoded")),
            };
            line(format!("  {name:<18}{target}{counts}"));
        }
    }
}

pub(crate) fn consumers() {
    heading("Consumer   handled  skipped  committed  by partition");
}

/// `committed` is what the cluster says: the offset at which each partition would be read on.
pub(crate) fn consumer(name: &str, handled: u64, skipped: u64, committed: &BTreeMap<i32, i64>) {
    let total: i64 = committed.values().sum();
    let each: Vec<_> = committed.iter().map(|(partition, offset)| format!("{partition}: {offset}")).collect();
    let name = painted(CYAN, format!("{name:<9}"));
    let each = painted(DIM, each.join("  "));
    line(format!("  {name}{handled:>7}  {skipped:>7}  {total:>9}  {each}"));
}

pub(crate) fn books(books: &Books) {
    heading("Ledger          ordered          paid      refunded      credited");
    for (currency, account) in &books.accounts {
        let [ordered, paid, refunded, credited] =
            [account.ordered, account.paid, account.refunded, account.credited].map(cents);
        line(format!("  {currency:<7}{ordered:>14}{paid:>14}{refunded:>14}{credited:>14}"));
    }
    line(format!("\nInvoices written: {}\nPayments tried again: {}", books.invoices, books.retries));
}

pub(crate) fn took(events: usize, time: Duration) {
    line(painted(
        DIM,
        format!("{events} events in {:.1} s, joining two groups included", time.as_secs_f64()),
    ));
}

/// An amount of cents, with its point.
pub(crate) fn cents(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}
