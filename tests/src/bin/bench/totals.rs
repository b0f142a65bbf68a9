//! What a run counted, so that every variant can be seen to have done the same work.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crate::resources;

/// What one run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) records: u64,
    pub(crate) quantity: u64,
    pub(crate) cents: u64,
    pub(crate) text: u64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: Sums) {
        self.records += other.records;
        self.quantity += other.quantity;
        self.cents += other.cents;
        self.text += other.text;
    }
}

/// The line that a run prints.
pub(crate) struct Run {
    pub(crate) sums: Sums,
    /// From the first record to the last.
    pub(crate) elapsed: Duration,
    /// When the last was counted, since 1970.
    pub(crate) ended: Duration,
}

impl Run {
    /// A run that ends now.
    pub(crate) fn ending_now(sums: Sums, elapsed: Duration) -> Self {
        let ended = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
        Self { sums, elapsed, ended }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sums { records, quantity, cents, text } = self.sums;
        write!(
            f,
            "seconds={:.4} ended={:.4} peak-mib={:.1} cpu-seconds={:.2} records={records} quantity={quantity} cents={cents} text={text}",
            self.elapsed.as_secs_f64(),
            self.ended.as_secs_f64(),
            resources::peak_mib(),
            resources::cpu_seconds(),
        )
    }
}

/// Sums of one thread; handlers run on several, and a shared counter would measure the counter.
struct Local {
    sums: Cell<Sums>,
    unreported: Cell<u64>,
}

thread_local! {
    static LOCAL: Local = const { Local { sums: Cell::new(Sums { records: 0, quantity: 0, cents: 0, text: 0 }), unreported: Cell::new(0) } };
}

static ALL: Mutex<Sums> = Mutex::new(Sums { records: 0, quantity: 0, cents: 0, text: 0 });
static COUNTED: AtomicU64 = AtomicU64::new(0);
static FIRST: Mutex<Option<Instant>> = Mutex::new(None);
static LAST: Mutex<Option<Instant>> = Mutex::new(None);

/// Adds a record to the thread's sums, which go to the common ones now and then.
pub(crate) fn count(sums: Sums) {
    LOCAL.with(|local| {
        let mut mine = local.sums.get();
        mine.add(sums);
        local.sums.set(mine);
        let unreported = local.unreported.get() + 1;
        local.unreported.set(unreported);
        if unreported >= 64 {
            report(local);
        }
    });
}

fn report(local: &Local) {
    if local.unreported.get() == 0 {
        return;
    }
    ALL.lock().expect("no panic").add(local.sums.take());
    COUNTED.fetch_add(local.unreported.take(), Ordering::AcqRel);
    let now = Instant::now();
    FIRST.lock().expect("no panic").get_or_insert(now);
    *LAST.lock().expect("no panic") = Some(now);
}

/// Brings what this thread still holds to the common sums.
pub(crate) fn flush() {
    LOCAL.with(report);
}

pub(crate) fn counted() -> u64 {
    COUNTED.load(Ordering::Acquire)
}

pub(crate) fn finish() -> Run {
    finish_with_first().0
}

/// The same, and when the first was counted.
pub(crate) fn finish_with_first() -> (Run, Instant) {
    let first = FIRST.lock().expect("no panic").expect("records were counted");
    let last = LAST.lock().expect("no panic").expect("records were counted");
    let run = Run::ending_now(*ALL.lock().expect("no panic"), last - first);
    (Run { ended: run.ended - last.elapsed(), ..run }, first)
}
