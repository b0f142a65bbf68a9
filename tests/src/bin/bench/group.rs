//! Several processes of one group, which share the partitions.
//!
//! The parent waits until each of them has a record in its hands, and lets all of them go at the same moment: what is measured is
//! how fast they are together, and not how long it takes to join a group.

use std::{
    io::{BufRead, BufReader, Write, stdin},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use evkafka::{App, State, handler, router};
use evkafka_tests::options::Options;
use tokio::sync::watch;

use crate::{
    events::{Order, Payment},
    framework::{config, on_order, on_payment, runtime},
    resources::CoreTime,
    totals,
};

/// Opened when all processes are there.
#[derive(Clone)]
struct Gate(watch::Receiver<bool>);

impl Gate {
    async fn pass(&mut self) {
        if !*self.0.borrow() {
            println!("ready");
            self.0.wait_for(|open| *open).await.expect("the gate is not dropped");
        }
    }
}

#[handler(event = "OrderCreated")]
async fn on_shared_order(order: Order, State(mut gate): State<Gate>) {
    gate.pass().await;
    on_order(order).await;
}

#[handler(event = "PaymentReceived")]
async fn on_shared_payment(payment: Payment, State(mut gate): State<Gate>) {
    gate.pass().await;
    on_payment(payment).await;
}

/// `bench member`: one of the processes. Ends when nothing has come for two seconds.
pub(crate) fn member(options: &Options) {
    let (open, gate) = watch::channel(false);
    thread::spawn(move || {
        stdin().lock().read_line(&mut String::new()).expect("the parent writes");
        open.send_replace(true);
    });
    // A record that waits at the gate is to hold up no other process's share.
    let config = config(options.text("brokers"), options.text("topic"))
        .group_id(options.text("group"))
        .revoke_grace(Duration::ZERO);
    let mut opened = gate.clone();
    let app = App::new("bench").state(Gate(gate)).consumer(
        "bench",
        config,
        router![on_shared_order, on_shared_payment],
    );
    let done = async {
        opened.wait_for(|open| *open).await.expect("the gate is not dropped");
        let (mut before, mut since) = (0, Instant::now());
        while before == 0 || since.elapsed() < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if totals::counted() != before {
                (before, since) = (totals::counted(), Instant::now());
            }
        }
    };
    runtime().block_on(app.run_until(done)).expect("the app runs");
    println!("{}", totals::finish());
}

/// Has so many processes share the records; the time from the start to the last record, how many were handled, and how busy the
/// machine was meanwhile, in percent of all its cores: what is left is what more processes can gain.
pub(crate) fn processes(count: usize, options: &Options) -> (f64, f64, f64) {
    let group = format!("share-{}-{count}-{:?}", std::process::id(), Instant::now());
    let mut members: Vec<Child> = (0..count)
        .map(|_| {
            Command::new(std::env::current_exe().expect("a path"))
                .args(["member", "--brokers", options.text("brokers"), "--topic", options.text("topic")])
                .args(["--group", &group])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("started")
        })
        .collect();
    let mut outputs: Vec<_> = members
        .iter_mut()
        .map(|member| BufReader::new(member.stdout.take().expect("is piped")).lines().map_while(Result::ok))
        .collect();
    for output in &mut outputs {
        assert_eq!(output.next().as_deref(), Some("ready"));
    }
    let machine = Sampler::start();
    let started = since_1970();
    for member in &mut members {
        member.stdin.take().expect("is piped").write_all(b"go\n").expect("it reads");
    }
    let (mut ended, mut records) = (0.0_f64, 0.0);
    for (output, mut member) in outputs.into_iter().zip(members) {
        let line = output.filter(|line| line != "ready").last().expect("figures");
        assert!(member.wait().expect("can be waited for").success());
        ended = ended.max(crate::table::field(&line, "ended"));
        records += crate::table::field(&line, "records");
    }
    (ended - started.as_secs_f64(), records, machine.busy_until(ended))
}

/// Looks now and then how busy the machine is.
struct Sampler {
    over: mpsc::Sender<()>,
    samples: thread::JoinHandle<Vec<(f64, CoreTime)>>,
}

impl Sampler {
    fn start() -> Self {
        let (over, is_over) = mpsc::channel();
        let samples = thread::spawn(move || {
            let mut samples = Vec::new();
            while is_over.recv_timeout(Duration::from_millis(20)) == Err(mpsc::RecvTimeoutError::Timeout) {
                samples.push((since_1970().as_secs_f64(), CoreTime::now()));
            }
            samples
        });
        Self { over, samples }
    }

    /// In percent of all cores, from the start until `end`, in seconds since 1970.
    fn busy_until(self, end: f64) -> f64 {
        drop(self.over);
        let samples = self.samples.join().expect("it does not panic");
        let until = samples.iter().take_while(|(at, _)| *at <= end).map(|(_, time)| *time);
        let (first, last) = (until.clone().next().expect("a sample"), until.last().expect("a sample"));
        100.0 * (last.busy - first.busy) / (last.all - first.all)
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970")
}
