//! `.events`: a stream of what changes at and below a directory, one JSON object a line.
//!
//! The watcher's thread writes the lines, readers take them. A stream that nobody reads fast enough loses lines, and a
//! line says so. A reader that has to wait keeps no thread: its reply is parked here.

mod line;
mod park;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fuser::{PollNotifier, ReplyData};
use xenbus::StorePath;

pub use line::{Kind, Line};
use park::{Parked, Parking};

use crate::errno::{Errno, Result};
use crate::stats::Stats;

/// Most bytes of lines that wait for a reader.
const WAITING: u64 = 1 << 20;

/// Bytes that were read and are kept: shells and `head` read more than they need, and seek back.
const KEPT: u64 = 1 << 16;

/// The open streams.
pub struct Streams {
    open: Mutex<HashMap<u64, Arc<Stream>>>,
    /// How many there are, to be asked with every read of any file.
    count: AtomicUsize,
    /// Those that the watcher has still to begin.
    begun: Mutex<Vec<Begin>>,
    parking: Arc<Parking>,
    stats: Arc<Stats>,
}

/// A stream to be begun, and whom to tell when it is.
pub struct Begin {
    /// The stream.
    pub stream: Arc<Stream>,
    /// Told when every later change will be in the stream, or why there will be none.
    pub done: Box<dyn FnOnce(Result<()>) + Send>,
}

/// One open stream.
pub struct Stream {
    path: StorePath,
    state: Mutex<State>,
    parking: Arc<Parking>,
}

#[derive(Default)]
struct State {
    lines: VecDeque<u8>,
    /// The position of the first byte of `lines` in the stream.
    start: u64,
    /// The position up to which it was read.
    read: u64,
    lost: u64,
    parked: Vec<Parked>,
    polls: Vec<PollNotifier>,
    closed: bool,
}

impl Streams {
    /// None; they are counted in `stats`.
    pub fn new(stats: Arc<Stats>) -> Self {
        Self {
            open: Mutex::default(),
            count: AtomicUsize::new(0),
            begun: Mutex::default(),
            parking: Arc::default(),
            stats,
        }
    }

    /// Opens a stream of what changes at and below `path` as `handle`; the watcher begins it.
    pub fn open(
        &self,
        handle: u64,
        path: &StorePath,
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) {
        let stream = Arc::new(Stream {
            path: path.clone(),
            state: Mutex::default(),
            parking: Arc::clone(&self.parking),
        });
        lock(&self.open).insert(handle, Arc::clone(&stream));
        self.counted();
        lock(&self.begun).push(Begin {
            stream,
            done: Box::new(done),
        });
    }

    /// The streams to begin.
    pub fn take_begun(&self) -> Vec<Begin> {
        std::mem::take(&mut *lock(&self.begun))
    }

    /// An open stream, if `handle` is one.
    pub fn get(&self, handle: u64) -> Option<Arc<Stream>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        lock(&self.open).get(&handle).cloned()
    }

    /// Closes a stream; whether `handle` was one.
    pub fn close(&self, handle: u64) -> bool {
        let closed = lock(&self.open).remove(&handle);
        if let Some(stream) = &closed {
            lock(&stream.state).closed = true;
            self.counted();
        }
        closed.is_some()
    }

    /// Says in all streams that something was lost.
    pub fn lost(&self, events: u64) {
        let open: Vec<_> = lock(&self.open).values().cloned().collect();
        for stream in open {
            lock(&stream.state).lost += events;
            stream.tell();
        }
    }

    fn counted(&self) {
        let count = lock(&self.open).len();
        self.count.store(count, Ordering::Release);
        self.stats.streams.set(count as u64);
    }
}

impl Stream {
    /// The top of what it tells.
    pub fn path(&self) -> &StorePath {
        &self.path
    }

    /// Whether nobody has it open any more.
    pub fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Adds a line, or counts it as lost when too many wait.
    pub fn push(&self, line: &str) {
        let mut state = lock(&self.state);
        if state.lost > 0 || state.waiting() + line.len() as u64 > WAITING {
            state.lost += 1;
        } else {
            state.lines.extend(line.as_bytes());
        }
        drop(state);
        self.tell();
    }

    /// READ: answered now, or when there is a line.
    pub fn read(self: &Arc<Self>, wanted: Wanted, blocking: bool, pid: u32, reply: ReplyData) {
        let mut state = lock(&self.state);
        if let Some(bytes) = state.take(wanted) {
            drop(state);
            return reply.data(&bytes);
        }
        if !blocking {
            drop(state);
            return reply.error(fuser::Errno::from_i32(Errno::EAGAIN.code()));
        }
        state.parked.push(Parked { reply, wanted, pid });
        drop(state);
        self.parking.watch(self);
    }

    /// POLL: whether there is something to read. `notifier` is told when there is more.
    pub fn poll(&self, notifier: Option<PollNotifier>) -> bool {
        let mut state = lock(&self.state);
        if let Some(notifier) = notifier {
            state
                .polls
                .retain(|other| other.handle().0 != notifier.handle().0);
            state.polls.push(notifier);
        }
        state.waiting() > 0 || state.lost > 0
    }

    /// Gives what there is to those who wait.
    fn tell(&self) {
        let mut state = lock(&self.state);
        let polls = std::mem::take(&mut state.polls);
        let mut answers = Vec::new();
        while !state.parked.is_empty()
            && let Some(bytes) = {
                let wanted = state.parked[0].wanted;
                state.take(wanted)
            }
        {
            answers.push((state.parked.remove(0), bytes));
        }
        drop(state);
        for (parked, bytes) in answers {
            parked.reply.data(&bytes);
        }
        for notifier in polls {
            // The file was closed, or the mount has ended: nobody waits.
            drop(notifier.notify());
        }
    }

    /// Answers those whose process has got a signal; whether others still wait.
    fn interrupt(&self) -> bool {
        let mut state = lock(&self.state);
        let (interrupted, waiting) = std::mem::take(&mut state.parked)
            .into_iter()
            .partition::<Vec<_>, _>(|parked| park::has_signal(parked.pid));
        state.parked = waiting;
        let others = !state.parked.is_empty();
        drop(state);
        for parked in interrupted {
            parked.reply.error(fuser::Errno::EINTR);
        }
        others
    }
}

/// What a reader asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// From which position of the stream.
    pub offset: u64,
    /// Most bytes.
    pub size: usize,
}

impl State {
    fn end(&self) -> u64 {
        self.start + self.lines.len() as u64
    }

    /// Bytes that nobody has read.
    fn waiting(&self) -> u64 {
        self.end() - self.read
    }

    /// What a reader gets: whole lines, if one fits.
    fn take(&mut self, wanted: Wanted) -> Option<Vec<u8>> {
        // What is forgotten cannot be had again.
        let offset = wanted.offset.max(self.start);
        if offset >= self.end() && self.lost > 0 {
            let line = Line::overflow(std::mem::take(&mut self.lost));
            self.lines.extend(line.as_bytes());
        }
        let skipped = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        let mut bytes: Vec<u8> = self
            .lines
            .iter()
            .skip(skipped)
            .take(wanted.size)
            .copied()
            .collect();
        if let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n') {
            bytes.truncate(newline + 1);
        }
        if bytes.is_empty() {
            return None;
        }
        self.read = self.read.max(offset + bytes.len() as u64);
        let forgotten = (self.read - self.start).saturating_sub(KEPT);
        self.lines.drain(..usize::try_from(forgotten).unwrap_or(0));
        self.start += forgotten;
        Some(bytes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64, size: usize) -> Wanted {
        Wanted { offset, size }
    }

    #[test]
    fn a_reader_gets_whole_lines_as_long_as_one_fits() {
        let mut state = State::default();
        state.lines.extend(b"one\ntwo\nthree\n");
        assert_eq!(state.take(at(0, 9)).as_deref(), Some(&b"one\ntwo\n"[..]));
        assert_eq!(state.take(at(8, 3)).as_deref(), Some(&b"thr"[..]));
        assert_eq!(state.take(at(11, 100)).as_deref(), Some(&b"ee\n"[..]));
        assert_eq!(state.take(at(14, 100)), None);
        assert_eq!(
            state.take(at(4, 4)).as_deref(),
            Some(&b"two\n"[..]),
            "again"
        );
        assert_eq!(state.waiting(), 0);
    }

    #[test]
    fn what_nobody_reads_is_bounded_and_the_loss_is_told() {
        let stream = Stream {
            path: StorePath::root(),
            state: Mutex::default(),
            parking: Arc::default(),
        };
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..2000 {
            stream.push(&line);
        }
        let mut state = lock(&stream.state);
        let held = state.end();
        assert!(held <= WAITING);
        let mut position = 0;
        while position < held {
            position += state.take(at(position, 4096)).unwrap().len() as u64;
            assert!(state.lines.len() as u64 <= WAITING);
        }
        let told = String::from_utf8(state.take(at(position, 1000)).unwrap()).unwrap();
        let lost = 2000 - held / 1000;
        assert!(
            told.contains(&format!(r#""kind":"overflow","lost":{lost}"#)),
            "{told}"
        );
        assert!(state.lines.len() as u64 <= KEPT + 1000);
    }
}
