//! Readers that wait.
//!
//! The kernel tells us nothing of signals (the library at hand answers FUSE_INTERRUPT with ENOSYS, and then the kernel
//! does not ask again), and a reader that waits for our reply can not even be killed. So, as long as somebody waits, a
//! thread looks at short intervals whether a reader has got a signal, and answers EINTR. A program that nobody sends a
//! signal never sees that error; where we cannot see the process (another PID namespace), it does at each look.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use fuser::ReplyData;

use super::{Stream, Wanted};

/// How often waiting readers are looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// A reader that waits.
pub(super) struct Parked {
    pub(super) reply: ReplyData,
    pub(super) wanted: Wanted,
    /// The thread that reads.
    pub(super) pid: u32,
}

/// The streams at which somebody waits, and the thread that looks after them.
#[derive(Default)]
pub(super) struct Parking {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    streams: Vec<Weak<Stream>>,
    running: bool,
}

impl Parking {
    /// Somebody waits at `stream`.
    pub(super) fn watch(self: &Arc<Self>, stream: &Arc<Stream>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |other: &Weak<Stream>| std::ptr::eq(other.as_ptr(), Arc::as_ptr(stream));
        if !waiting.streams.iter().any(known) {
            waiting.streams.push(Arc::downgrade(stream));
        }
        if !waiting.running {
            let parking = Arc::clone(self);
            let spawned = thread::Builder::new()
                .name("xenfs-readers".into())
                .spawn(move || parking.look());
            waiting.running = spawned.is_ok();
        }
    }

    fn look(&self) {
        loop {
            thread::sleep(INTERVAL);
            let streams = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.streams.is_empty() {
                    waiting.running = false;
                    return;
                }
                std::mem::take(&mut waiting.streams)
            };
            for stream in streams.iter().filter_map(Weak::upgrade) {
                if stream.interrupt() {
                    let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    waiting.streams.push(Arc::downgrade(&stream));
                }
            }
        }
    }
}

/// Whether a signal waits for a thread that it does not block.
pub(super) fn has_signal(thread: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{thread}/status")) else {
        return true;
    };
    is_pending(&status)
}

/// The masks of proc_pid_status(5).
fn is_pending(status: &str) -> bool {
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    match (mask("SigPnd:"), mask("ShdPnd:"), mask("SigBlk:")) {
        (Some(own), Some(shared), Some(blocked)) => (own | shared) & !blocked != 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_counts_unless_it_is_blocked() {
        let status = |own, shared, blocked| {
            format!(
                "Name:\tcat\nSigQ:\t0/1\nSigPnd:\t{own:016x}\nShdPnd:\t{shared:016x}\nSigBlk:\t{blocked:016x}\n"
            )
        };
        assert!(!is_pending(&status(0, 0, 0)));
        assert!(is_pending(&status(2, 0, 0)));
        assert!(is_pending(&status(0, 2, 4)));
        assert!(!is_pending(&status(2, 4, 6)));
        assert!(is_pending("nonsense"));
        assert!(!has_signal(std::process::id()));
    }
}
