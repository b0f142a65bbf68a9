//! A service under test as a process of its own: for signals, crashes and exit codes, which a test cannot show in itself.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The signals that tests send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM`: what a supervisor sends to end a service in good order.
    Term,
    /// `SIGINT`: Ctrl-C.
    Int,
    /// `SIGKILL`: a crash. The process gets no say.
    Kill,
    /// `SIGSTOP`: a process that hangs, and keeps its connections.
    Stop,
    /// `SIGCONT`: it goes on after a [`Signal::Stop`].
    Cont,
}

impl Signal {
    fn flag(self) -> &'static str {
        match self {
            Self::Term => "-TERM",
            Self::Int => "-INT",
            Self::Kill => "-KILL",
            Self::Stop => "-STOP",
            Self::Cont => "-CONT",
        }
    }

    /// A process inherits which signals are ignored, and a shell has `SIGINT` ignored for what a script starts with `&`.
    ///
    /// # Panics
    ///
    /// When it is ignored in the processes that this one starts.
    #[track_caller]
    pub fn assert_that_int_ends_a_process() {
        let ended = Command::new("sh").args(["-c", "kill -INT $$"]).status().expect("there is a shell");
        assert_eq!(
            ended.code(),
            None,
            "SIGINT was ignored when the tests were started: start them without `&`"
        );
    }
}

/// How many lines of a process are printed when a test fails.
const LAST_LINES: usize = 200;

/// A running process whose output can be waited for. It is killed when this value is dropped; by a test that fails, it is also
/// printed what the process had to say last.
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
    incoming: Receiver<String>,
    lines: Vec<String>,
    /// How many of `lines` [`ChildProcess::wait_for_line`] has looked at.
    passed: usize,
    stderr: Arc<Mutex<Vec<u8>>>,
    /// Disconnected when all of it has been read.
    stderr_ends: Receiver<()>,
}

impl ChildProcess {
    /// Starts a command. Its standard output and error are read all the time, so it never blocks on them; its standard
    /// input is empty.
    ///
    /// ```no_run
    /// use evkafka_tests::process::{ChildProcess, Signal};
    /// use std::{process::Command, time::Duration};
    ///
    /// let mut service = ChildProcess::spawn(Command::new("billing").arg("--quiet").env("GROUP", "billing"));
    /// service.wait_for_line(Duration::from_secs(30), |line| line.contains("consuming"));
    /// service.signal(Signal::Term);
    /// assert!(service.wait(Duration::from_secs(10)).success());
    /// ```
    ///
    /// # Panics
    ///
    /// When the command cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("could not start {command:?}: {error}"));

        let (sender, incoming) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("is piped"));
        thread::spawn(move || {
            for line in stdout.split(b'\n').map_while(Result::ok) {
                // The test may have dropped its end; the process must be able to go on writing.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });

        let stderr = Arc::new(Mutex::new(Vec::new()));
        let mut source = child.stderr.take().expect("is piped");
        let sink = Arc::clone(&stderr);
        let (reads, stderr_ends) = channel();
        thread::spawn(move || {
            let _reads: Sender<()> = reads;
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = source.read(&mut chunk) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..length]);
            }
        });

        Self { child, incoming, lines: Vec::new(), passed: 0, stderr, stderr_ends }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of standard output for which `wanted` is true, and returns it. Lines that an earlier call returned
    /// or passed over are not looked at again.
    ///
    /// # Panics
    ///
    /// When there is no such line `within` that time, or when the output ends before.
    #[track_caller]
    pub fn wait_for_line(&mut self, within: Duration, mut wanted: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + within;
        loop {
            while let Some(line) = self.lines.get(self.passed) {
                self.passed += 1;
                if wanted(line) {
                    return line.clone();
                }
            }
            match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("no such line within {within:?}\n{}", self.output()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("standard output ended without such a line\n{}", self.output())
                }
            }
        }
    }

    /// All lines of standard output so far, those included that [`ChildProcess::wait_for_line`] returned. After
    /// [`ChildProcess::wait`] these are all lines there are.
    pub fn stdout(&mut self) -> &[String] {
        self.lines.extend(self.incoming.try_iter());
        &self.lines
    }

    /// What the process has written to standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Sends a signal.
    ///
    /// # Panics
    ///
    /// When the process has ended already.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        // As long as nobody has waited for it, its id is not given to another process.
        if let Some(status) = self.child.try_wait().expect("can be waited for") {
            panic!("the process has ended already, with {status}\n{}", self.output());
        }
        let status = Command::new("kill").args([signal.flag(), &self.id().to_string()]).status();
        assert!(status.as_ref().is_ok_and(ExitStatus::success), "could not send {signal:?}: {status:?}");
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("can be waited for").is_none()
    }

    /// Waits for the end of the process and of its standard output.
    ///
    /// # Panics
    ///
    /// When it is not over `within` that time.
    #[track_caller]
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        // The output ends with the process, and unlike the process it can be waited for with a deadline.
        loop {
            match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("still running after {within:?}\n{}", self.output()),
            }
        }
        // Otherwise what it has written last may be missing.
        let _ = self.stderr_ends.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        loop {
            if let Some(status) = self.child.try_wait().expect("can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "still running after {within:?}\n{}", self.output());
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn output(&mut self) -> String {
        let stdout = self.stdout().join("\n");
        format!("--- standard output\n{stdout}\n--- standard error\n{}", self.stderr())
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Nothing to do about a failure here: it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let left_out = lines.len().saturating_sub(LAST_LINES);
            #[allow(clippy::print_stderr, reason = "the test's own output")]
            let () =
                eprintln!("process {}, after {left_out} lines:\n{}", self.id(), lines[left_out..].join("\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    const SOON: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> ChildProcess {
        ChildProcess::spawn(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn finds_lines_in_turn_and_keeps_all() {
        let mut process = shell("echo one; echo two; echo oops >&2; echo one; exit 3");
        assert_eq!(process.wait_for_line(SOON, |line| line.starts_with('t')), "two");
        assert_eq!(process.wait_for_line(SOON, |line| line == "one"), "one");
        assert_eq!(process.wait(SOON).code(), Some(3));
        assert_eq!(process.stdout(), ["one", "two", "one"]);
    }

    #[test]
    #[should_panic(expected = "standard output ended without such a line")]
    fn says_that_the_process_ended_before_the_line() {
        shell("echo one").wait_for_line(SOON, |line| line == "two");
    }

    #[test]
    #[should_panic(expected = "still running after 50ms")]
    fn does_not_wait_for_ever() {
        shell("exec sleep 60").wait(Duration::from_millis(50));
    }

    #[test]
    fn delivers_signals() {
        let mut process = shell("trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.01; done");
        process.wait_for_line(SOON, |line| line == "ready");
        process.signal(Signal::Stop);
        process.signal(Signal::Term);
        assert!(process.is_running(), "a stopped process does not see SIGTERM");
        process.signal(Signal::Cont);
        process.wait_for_line(SOON, |line| line == "caught");
        assert_eq!(process.wait(SOON).code(), Some(7));

        let mut process = shell("exec sleep 60");
        process.signal(Signal::Kill);
        assert_eq!(process.wait(SOON).signal(), Some(9));
    }
}
