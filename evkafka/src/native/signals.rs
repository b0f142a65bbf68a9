//! SIGINT and SIGTERM, taken for as long as somebody listens, and given back after that.
//!
//! tokio's signals would not do: they are noticed by a runtime, which a handler may block, and once one was listened to, the process
//! never gets back what the signal did before.
//!
//! A handler notes that its signal has arrived, wakes the thread that [waits](wait), and calls the handler that was there before. All
//! that it touches is static, and it does nothing but store to atomics, read a clock and write a byte to a pipe, which POSIX allows
//! in a signal handler.

use std::{
    ffi::{c_int, c_void},
    io::{self, PipeReader, PipeWriter},
    mem,
    os::fd::AsRawFd,
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// A signal that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) signal: i32,
    /// When, since some time that is the same for all of them.
    pub(crate) at: Duration,
}

/// What is known of one signal.
struct SignalSlot {
    signal: c_int,
    /// When it arrived last, in milliseconds; 0 if it has not since somebody looked.
    arrived: AtomicU64,
    /// The handler that was there before ours, of one kind or the other; 0 if there was none.
    plain_before: AtomicUsize,
    informed_before: AtomicUsize,
    /// Somebody has put a handler in front of ours, which may call ours for as long as the process lives.
    is_buried: AtomicBool,
}

impl SignalSlot {
    const fn new(signal: c_int) -> Self {
        Self {
            signal,
            arrived: AtomicU64::new(0),
            plain_before: AtomicUsize::new(0),
            informed_before: AtomicUsize::new(0),
            is_buried: AtomicBool::new(false),
        }
    }
}

static SLOTS: [SignalSlot; 2] = [SignalSlot::new(libc::SIGINT), SignalSlot::new(libc::SIGTERM)];
/// Whether signals are noted.
static IS_LISTENING: AtomicBool = AtomicBool::new(false);
/// Whether there is a byte in the pipe that nobody has read: there is never more than one, so that writing does not block.
static IS_WOKEN: AtomicBool = AtomicBool::new(false);
static WRITES_TO: AtomicI32 = AtomicI32::new(-1);
/// Never dropped, so that a handler never writes to a file that is something else by now.
static PIPE: OnceLock<(PipeReader, PipeWriter)> = OnceLock::new();

/// SIGINT and SIGTERM, which do what they did before when this is dropped. There is one at a time.
pub(crate) struct Signals {
    before: [Option<libc::sigaction>; 2],
}

impl Signals {
    /// From now on the signals are noted, and do nothing else but what handlers do that were there before.
    ///
    /// # Errors
    /// If the operating system gives no pipe.
    pub(crate) fn take() -> io::Result<Self> {
        if PIPE.get().is_none() {
            let made = io::pipe()?;
            let pipe = PIPE.get_or_init(|| made);
            WRITES_TO.store(pipe.1.as_raw_fd(), SeqCst);
        }
        SLOTS.iter().for_each(|slot| slot.arrived.store(0, SeqCst));
        IS_LISTENING.store(true, SeqCst);
        Ok(Self { before: SLOTS.each_ref().map(install) })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (slot, before) in SLOTS.iter().zip(&self.before) {
            if let Some(before) = before {
                give_back(slot, before);
            }
        }
        IS_LISTENING.store(false, SeqCst);
    }
}

/// Puts our handler in the place of the one that is there; that one. `None` if ours is called by it already.
fn install(slot: &SignalSlot) -> Option<libc::sigaction> {
    if slot.is_buried.load(SeqCst) {
        return None;
    }
    let before = current(slot.signal);
    let handler = match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => 0,
        handler => handler,
    };
    let (plain, informed) = if before.sa_flags & libc::SA_SIGINFO == 0 { (handler, 0) } else { (0, handler) };
    slot.plain_before.store(plain, SeqCst);
    slot.informed_before.store(informed, SeqCst);
    // SAFETY: all zeroes is a value of this type: no flags, an empty set of signals.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = arrived as *const () as usize;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    set(slot.signal, &ours);
    Some(before)
}

fn give_back(slot: &SignalSlot, before: &libc::sigaction) {
    if current(slot.signal).sa_sigaction == arrived as *const () as usize {
        set(slot.signal, before);
    } else {
        slot.is_buried.store(true, SeqCst);
    }
}

fn current(signal: c_int) -> libc::sigaction {
    // SAFETY: all zeroes is a value of this type, which the call overwrites; it fails for a signal that does not exist only.
    unsafe {
        let mut current = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &mut current);
        current
    }
}

fn set(signal: c_int, action: &libc::sigaction) {
    // SAFETY: `action` is one that was read from the process, or ours, whose handler has the signature that its flags say. The call
    // fails for a signal that does not exist only.
    unsafe { libc::sigaction(signal, action, ptr::null_mut()) };
}

extern "C" fn arrived(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(slot) = SLOTS.iter().find(|slot| slot.signal == signal) else { return };
    if IS_LISTENING.load(SeqCst) {
        slot.arrived.store(now().max(1), SeqCst);
        wake();
    }
    let (plain, informed) = (slot.plain_before.load(SeqCst), slot.informed_before.load(SeqCst));
    if plain != 0 {
        // SAFETY: the process had it as the handler of this signal, without `SA_SIGINFO`.
        let before = unsafe { mem::transmute::<usize, extern "C" fn(c_int)>(plain) };
        before(signal);
    } else if informed != 0 {
        // SAFETY: as above, with `SA_SIGINFO`.
        let before = unsafe {
            mem::transmute::<usize, extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(informed)
        };
        before(signal, info, context);
    }
}

/// In milliseconds.
fn now() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` can be written to; the call is allowed in a signal handler.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Has whoever [waits](wait) return.
pub(crate) fn wake() {
    if !IS_WOKEN.swap(true, SeqCst) {
        let byte = 0_u8;
        // SAFETY: one byte that can be read. The pipe is never closed and never holds more than a byte, so this neither blocks nor
        // fails, and leaves `errno` to whoever the signal has interrupted.
        unsafe { libc::write(WRITES_TO.load(SeqCst), ptr::from_ref(&byte).cast(), 1) };
    }
}

/// Waits until a signal arrives or somebody [wakes](wake) the caller, at most for so long. For one thread, after [`Signals::take`].
pub(crate) fn wait(most: Option<Duration>) {
    let Some((reader, _)) = PIPE.get() else { return };
    // Rounded up: not to wait for nothing in the last millisecond.
    let millis = most.map_or(-1, |most| c_int::try_from(most.as_millis() + 1).unwrap_or(c_int::MAX));
    let mut pipe = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure that can be written to.
    if unsafe { libc::poll(&mut pipe, 1, millis) } > 0 {
        let mut byte = [0];
        let _ = io::Read::read(&mut &*reader, &mut byte);
        // Before anybody looks at what has arrived: what arrives after that writes a byte of its own.
        IS_WOKEN.store(false, SeqCst);
    }
}

/// A signal that has arrived and that nobody has looked at.
pub(crate) fn next_arrived() -> Option<Arrived> {
    SLOTS.iter().find_map(|slot| match slot.arrived.swap(0, SeqCst) {
        0 => None,
        at => Some(Arrived { signal: slot.signal, at: Duration::from_millis(at) }),
    })
}

/// Has a signal do what it does by default, if it does: ends the process.
pub(crate) fn do_the_default(signal: i32) {
    if current(signal).sa_sigaction == libc::SIG_DFL {
        // SAFETY: no memory is involved.
        unsafe { libc::raise(signal) };
    }
}

/// Ends the process at once. What it runs at an orderly exit may wait for whatever hangs.
pub(crate) fn exit_at_once(status: i32) -> ! {
    // SAFETY: no memory is involved, and nothing of the process runs after it.
    unsafe { libc::_exit(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static CHAINED: AtomicUsize = AtomicUsize::new(0);
    static BELOW: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn counts(_: c_int) {
        CALLS.fetch_add(1, SeqCst);
    }

    /// As tokio's does: it calls the handler that it has found.
    extern "C" fn chains(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
        CHAINED.fetch_add(1, SeqCst);
        // SAFETY: what is stored is our handler.
        let below = unsafe {
            mem::transmute::<usize, extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(
                BELOW.load(SeqCst),
            )
        };
        below(signal, info, context);
    }

    fn action(handler: usize, flags: c_int) -> libc::sigaction {
        // SAFETY: as in `install`.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        (action.sa_sigaction, action.sa_flags) = (handler, flags);
        action
    }

    /// Raises SIGINT; how often the handler that was there first was called, and whether the signal was noted.
    fn raised() -> (usize, bool) {
        let before = CALLS.load(SeqCst);
        // SAFETY: there is a handler.
        unsafe { libc::raise(libc::SIGINT) };
        let arrived = next_arrived();
        assert!(arrived.is_none_or(|arrived| arrived.signal == libc::SIGINT));
        (CALLS.load(SeqCst) - before, arrived.is_some())
    }

    /// One test: signals are the process's.
    #[test]
    fn a_handler_before_ours_or_in_front_of_ours_is_called_all_the_while_and_after_it() {
        set(libc::SIGINT, &action(counts as *const () as usize, 0));
        for _ in 0..2 {
            let signals = Signals::take().unwrap();
            assert_eq!(raised(), (1, true));
            wait(Some(Duration::from_secs(60)));
            drop(signals);
            assert_eq!(raised(), (1, false));
        }
        let signals = Signals::take().unwrap();
        BELOW.store(current(libc::SIGINT).sa_sigaction, SeqCst);
        set(libc::SIGINT, &action(chains as *const () as usize, libc::SA_SIGINFO));
        assert_eq!(raised(), (1, true));
        drop(signals);
        assert_eq!((raised(), CHAINED.load(SeqCst)), ((1, false), 2), "it is left where it is");
        let signals = Signals::take().unwrap();
        assert_eq!((raised(), CHAINED.load(SeqCst)), ((1, true), 3));
        drop(signals);
        assert_eq!((raised(), CHAINED.load(SeqCst)), ((1, false), 4));
        assert_eq!(current(libc::SIGTERM).sa_sigaction, libc::SIG_DFL);
    }
}
