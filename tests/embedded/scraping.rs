//! Numbers that are read all the time, while partitions come and go.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use evkafka::{
    App, Control, Metrics, State,
    control::{Pause, Scope},
    embedded::{Cluster, Event},
    handler, router,
};
use tokio::time::timeout;

use crate::support::{DEADLINE, Running, cluster, config};

const PARTITIONS: i32 = 8;
/// How often another member comes and goes.
const ROUNDS: u64 = 6;
/// A hundred times a second.
const INTERVAL: Duration = Duration::from_millis(10);

#[derive(Clone, Default)]
struct Handled(Arc<AtomicU64>);

impl Handled {
    fn count(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

#[handler(event = "OrderCreated")]
async fn on_order(State(handled): State<Handled>) {
    handled.0.fetch_add(1, SeqCst);
}

/// An app of the group, while it runs.
struct Member {
    metrics: Metrics,
    control: Control,
    handled: Handled,
    running: Running,
}

impl Member {
    fn start(cluster: &Cluster, name: &str, instances: u32) -> Self {
        let config = config(cluster).commit_interval(Duration::from_millis(50)).instances(instances);
        let handled = Handled::default();
        let app = App::new("test").state(handled.clone()).consumer(name, config, router![on_order]);
        let (metrics, control) = (app.metrics(), app.control());
        Self { metrics, control, handled, running: Running::start(app) }
    }

    fn seen(&self) -> Seen {
        Seen { metrics: self.metrics.clone(), control: self.control.clone() }
    }
}

/// What the scraper reads of an app.
#[derive(Clone)]
struct Seen {
    metrics: Metrics,
    control: Control,
}

/// The lag of each partition that there is a series of.
fn lags(text: &str) -> BTreeMap<i32, u64> {
    let lines = text.lines().filter(|line| line.starts_with("evkafka_partition_lag{"));
    let lag = |line: &str| {
        let (series, lag) = line.rsplit_once(' ')?;
        let partition = series.split("messaging_destination_partition_id=\"").nth(1)?.split('"').next()?;
        Some((partition.parse().ok()?, lag.parse().ok()?))
    };
    lines.map(|line| lag(line).expect(line)).collect()
}

/// The partitions that any series is of.
fn partitions(text: &str) -> Vec<i32> {
    let parts = text.split("messaging_destination_partition_id=\"").skip(1);
    let number = |part: &str| part.split('"').next().and_then(|number| number.parse().ok());
    let mut numbers: Vec<i32> = parts.map(|part| number(part).expect("a number")).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

impl Seen {
    /// How often its assignment has changed.
    fn changes(&self) -> u64 {
        let rebalances = self.metrics.snapshot().consumers.first().map(|of| of.rebalances);
        rebalances.map_or(0, |of| of.assigned + of.revoked + of.lost)
    }

    /// The partitions that it says it has.
    fn status(&self) -> Vec<i32> {
        let Ok(status) = self.control.status() else { return Vec::new() };
        let members = status.consumers.into_iter().flat_map(|consumer| consumer.members);
        members.flat_map(|member| member.partitions).map(|of| of.partition).collect()
    }
}

/// How many records an app has handled, by its numbers.
fn handled(metrics: &Metrics) -> u64 {
    let topics = metrics.snapshot().consumers.into_iter().flat_map(|consumer| consumer.topics);
    topics.flat_map(|topic| topic.events).map(|event| event.handled).sum()
}

/// What the scraper shares with the test.
#[derive(Default)]
struct Shared {
    apps: Mutex<Vec<Seen>>,
    scrapes: AtomicU64,
    /// How many records each partition has at most.
    sent: AtomicU64,
    /// How many records the apps have handled that have ended, and how often they have lost partitions.
    ended: AtomicU64,
    lost: AtomicU64,
    faults: Mutex<Vec<String>>,
    ends: AtomicBool,
}

impl Shared {
    fn apps(&self) -> Vec<Seen> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn handled(&self) -> u64 {
        self.ended.load(SeqCst) + self.apps().iter().map(|app| handled(&app.metrics)).sum::<u64>()
    }

    fn fault(&self, fault: String) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// Scrapes until it is told to end.
    fn scrape_all_the_time(&self) {
        let mut next = Instant::now();
        while !self.ends.load(SeqCst) {
            self.scrape();
            self.scrapes.fetch_add(1, SeqCst);
            next += INTERVAL;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    fn scrape(&self) {
        let apps = self.apps();
        let changes = || apps.iter().map(Seen::changes).collect::<Vec<_>>();
        let status = || apps.iter().map(Seen::status).collect::<Vec<_>>();
        let (changes_before, before) = (changes(), status());
        let texts: Vec<_> = apps.iter().map(|app| app.metrics.prometheus()).collect();
        let first_again = apps.first().map(|app| partitions(&app.metrics.prometheus()));
        let (after, changes_after) = (status(), changes());
        let sent = self.sent.load(SeqCst);
        for (partition, lag) in texts.iter().flat_map(|text| lags(text)).filter(|(_, lag)| *lag > sent) {
            self.fault(format!("partition {partition}: a lag of {lag}, and {sent} were sent"));
        }
        if changes_before != changes_after {
            // A partition may have come and gone within this scrape.
            return;
        }
        for (index, text) in texts.iter().enumerate() {
            let was_assigned = |of: &i32| before[index].contains(of) || after[index].contains(of);
            let stale: Vec<_> = partitions(text).into_iter().filter(|of| !was_assigned(of)).collect();
            if !stale.is_empty() {
                self.fault(format!("series of {stale:?}, which app {index} does not have"));
            }
        }
        // What the first app has before and after is not the second one's in between.
        if let ([first, second], Some(again)) = (&texts[..], first_again) {
            let first = partitions(first);
            let is_of_first = |of: &i32| first.contains(of) && again.contains(of);
            let both: Vec<_> = partitions(second).into_iter().filter(is_of_first).collect();
            if !both.is_empty() {
                self.fault(format!("two apps have series of {both:?}"));
            }
        }
    }
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(DEADLINE, wait).await.is_ok(), "{what}: not within {DEADLINE:?}");
}

/// Sends so many records to each partition.
async fn send(cluster: &Cluster, shared: &Shared, count: u64) {
    shared.sent.fetch_add(count, SeqCst);
    let to_all = (0..count).flat_map(|_| 0..PARTITIONS);
    let event = |partition| Event::new("orders").partition(partition).event_type("OrderCreated");
    cluster.send_all(to_all.map(event)).await.expect("acknowledgements");
}

/// Sends, as long as the apps keep up, until it is told to end.
async fn send_all_the_time(cluster: &Cluster, shared: &Shared, ends: &AtomicBool) {
    let are_behind = || (shared.sent.load(SeqCst) * PARTITIONS as u64).saturating_sub(shared.handled());
    while !ends.load(SeqCst) {
        send(cluster, shared, 25).await;
        until("the load is handled", || are_behind() < 4_000 || ends.load(SeqCst)).await;
    }
}

/// Another app joins the group and leaves it; meanwhile records are handled and scrapes go on.
async fn another_comes_and_goes(cluster: &Cluster, shared: &Shared, stays: &Member) {
    let comes = Member::start(cluster, "comes", 1);
    shared.apps.lock().unwrap().push(comes.seen());
    let (scrapes, by_first) = (shared.scrapes.load(SeqCst), stays.handled.count());
    until("both handle records, and scrapes go on", || {
        comes.handled.count() > 200
            && stays.handled.count() > by_first + 200
            && shared.scrapes.load(SeqCst) > scrapes + 50
    })
    .await;
    let Member { metrics, running, .. } = comes;
    running.stop().await.unwrap();
    assert_eq!(partitions(&metrics.prometheus()), [0; 0], "what has ended has no partition");
    shared.apps.lock().unwrap().truncate(1);
    shared.ended.fetch_add(handled(&metrics), SeqCst);
    shared.lost.fetch_add(metrics.snapshot().consumers[0].rebalances.lost, SeqCst);
    let by_first = stays.handled.count();
    until("the first has all, and handles records", || {
        let has = partitions(&stays.metrics.prometheus()).len();
        has == PARTITIONS as usize && stays.handled.count() > by_first + 200
    })
    .await;
}

/// Nothing is left; then what is sent to a partition that is paused; then nothing again.
async fn lag_is_right_to_the_record(cluster: &Cluster, shared: &Shared, app: &Member) {
    const PAUSED: i32 = 3;
    let are_left = |of_paused: u64| {
        let lags = (0..PARTITIONS).map(|of| (of, if of == PAUSED { of_paused } else { 0 }));
        lags.collect::<BTreeMap<_, _>>()
    };
    let lags = || lags(&app.metrics.prometheus());
    let scope = || Scope::consumer("stays").partition(PAUSED);
    until("all is settled", || lags() == are_left(0)).await;
    app.control.pause(scope(), Pause::new("maintenance")).unwrap();
    send(cluster, shared, 7).await;
    until("seven are left", || lags() == are_left(7)).await;
    app.control.resume(scope()).unwrap();
    until("all is settled again", || lags() == are_left(0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_scrapes_a_second_see_no_stale_series_hold_up_nothing_and_are_right_in_the_end() {
    let cluster = cluster(PARTITIONS as u16);
    let shared = Arc::new(Shared::default());
    let stays = Member::start(&cluster, "stays", 2);
    shared.apps.lock().unwrap().push(stays.seen());
    let scraper = Arc::clone(&shared);
    let scraper = thread::spawn(move || scraper.scrape_all_the_time());
    let ends = AtomicBool::new(false);
    let come_and_go = async {
        for _ in 0..ROUNDS {
            another_comes_and_goes(&cluster, &shared, &stays).await;
        }
        ends.store(true, SeqCst);
    };
    tokio::join!(send_all_the_time(&cluster, &shared, &ends), come_and_go);
    lag_is_right_to_the_record(&cluster, &shared, &stays).await;

    shared.ends.store(true, SeqCst);
    scraper.join().unwrap();
    let rebalances = stays.metrics.snapshot().consumers[0].rebalances;
    assert!(rebalances.revoked >= ROUNDS, "{rebalances:?}");
    let faults = std::mem::take(&mut *shared.faults.lock().unwrap());
    // A member that was lost has not known it for some time.
    let lost = rebalances.lost + shared.lost.load(SeqCst);
    assert!(faults.is_empty() || lost > 0, "{} faults: {faults:#?}", faults.len());
    assert!(shared.scrapes.load(SeqCst) > 50 * ROUNDS);
    stays.running.stop().await.unwrap();
}
