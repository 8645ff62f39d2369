//! The thread that follows the store's events: it looks again at what they name, makes the kernel forget what is no
//! longer true, and has the change repeated for whoever watches with inotify.
//!
//! Only what the kernel knows is looked at: nobody can be watching anything else. Changes of one node that come before
//! the thread is there are one change.

mod change;
mod collect;
mod loss;
mod queue;
mod read;
mod stream;
mod tell;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use xenbus::transport::Watches;
use xenbus::watch::{Watch, WatchOptions};
use xenbus::wire::Op;
use xenbus::{Client, StorePath};

use crate::events::Stream;
use crate::fs::XenFs;
use crate::heap::Tidying;
use crate::notify::Notifier;
use crate::replay::Replay;
use loss::Losses;
use queue::{Cause, Queue};

/// Events that may wait: more, and everything that the kernel knows is looked at again.
const EVENTS: usize = 262_144;

/// Nodes that are looked at together.
const BATCH: usize = 256;

/// How long nothing must have happened before permissions are read in advance.
const IDLE: Duration = Duration::from_millis(20);

/// How often what local operations have left is looked through, while events come all the time.
const SETTLING: Duration = Duration::from_secs(1);

/// How long a node waits for the local operations on it. Where they never end, what they do may be told twice.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long after a failure the store is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// The running thread; dropping it ends it.
pub struct Watcher {
    fs: Arc<XenFs>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Follows the events of the store of `fs` from now on. Without a `replay` nothing is repeated, but all is kept true.
    ///
    /// # Errors
    /// [`xenbus::Error::Unsupported`] where nobody does watches, and looking at everything all the time would be the only
    /// way; the store's refusal to set one, or the system's to start a thread.
    pub fn start(
        fs: &Arc<XenFs>,
        notifier: Notifier,
        replay: Option<Arc<Replay>>,
    ) -> xenbus::Result<Self> {
        if fs.client().store().watches()? == Watches::None {
            return Err(xenbus::Error::Unsupported { op: Op::WATCH });
        }
        fs.ledger().set_watched();
        if fs.may_trust_events() {
            fs.ledger().trust();
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let work = Work {
            watch: watch(fs.client().store(), fs.root(), fs)?,
            // A guest may lack the right; then nothing tells of the end of other domains.
            deaths: watch(fs.client().store(), &StorePath::release_domain(), fs).ok(),
            fs: Arc::clone(fs),
            notifier,
            replay,
            stopping: Arc::clone(&stopping),
            dirty: Queue::default(),
            failing: false,
            rechecks: BTreeSet::new(),
            unbelievable: Vec::new(),
            postponed: Vec::new(),
            waiting: HashMap::new(),
            unread: Vec::new(),
            rescan: None,
            losses: Losses::default(),
            asked: Instant::now(),
            asked_at: 0,
            streams: Vec::new(),
            tidying: Tidying::default(),
            settled: Instant::now(),
        };
        let thread = thread::Builder::new()
            .name("xenfs-watcher".into())
            .spawn(move || work.run())
            .map_err(|error| xenbus::Error::io("start the thread that follows events", error))?;
        Ok(Self {
            fs: Arc::clone(fs),
            stopping,
            thread: Some(thread),
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.fs.ledger().bell().ring();
        if let Some(thread) = self.thread.take() {
            // Only a panic of its own makes this an error, and that was printed.
            drop(thread.join());
        }
    }
}

fn watch(client: &Client, path: &StorePath, fs: &XenFs) -> xenbus::Result<Watch> {
    let mut options = WatchOptions::default();
    options.queue = EVENTS;
    options.bell = Some(fs.ledger().bell().clone());
    client.watch_with(path, options)
}

/// The thread's side.
struct Work {
    fs: Arc<XenFs>,
    watch: Watch,
    deaths: Option<Watch>,
    notifier: Notifier,
    replay: Option<Arc<Replay>>,
    stopping: Arc<AtomicBool>,
    /// Nodes to look at, and why.
    dirty: Queue,
    /// The watch has ended: nothing is followed any more.
    failing: bool,
    /// Nodes of which the kernel was told something that may be old, without an event of their own.
    rechecks: BTreeSet<StorePath>,
    /// Nodes of which the kernel is to believe nothing: they may not be read, or are not compared yet.
    unbelievable: Vec<StorePath>,
    /// Nodes on which local operations are under way.
    postponed: Vec<(StorePath, Cause)>,
    /// Since when those have been postponed.
    waiting: HashMap<StorePath, Instant>,
    /// Directories whose children's permissions are to be read.
    unread: Vec<StorePath>,
    /// When everything is to be looked at again.
    rescan: Option<Instant>,
    losses: Losses,
    /// When the store was asked for the answers at hand.
    asked: Instant,
    /// The use of nodes up to which the answers at hand are newer.
    asked_at: u64,
    /// The `.events` that are open.
    streams: Vec<Arc<Stream>>,
    tidying: Tidying,
    /// When operations whose events have come were last forgotten.
    settled: Instant,
}

impl Work {
    fn run(mut self) {
        while !self.stopping.load(Ordering::Acquire) {
            if !self.failing && self.collect().is_err() {
                // The watch cannot be had any more: from now on the kernel believes nothing.
                self.lose();
                self.failing = true;
            }
            self.resume();
            self.doubt(self.fs.ledger().take_unheard());
            self.rechecks.extend(self.fs.ledger().take_rechecks());
            self.unread.extend(self.fs.ledger().take_unread());
            if self.rescan.is_some_and(|at| at <= Instant::now()) {
                self.rescan = None;
                self.look_at_everything();
            }
            self.tend_streams();
            for id in self.fs.ledger().take_lists() {
                self.list(id);
            }
            self.fs.stats().queue.set(self.waiting());
            if let Some(oldest) = self.dirty.oldest()
                && self.settled.elapsed() >= SETTLING
            {
                self.settle(oldest);
            }
            if !self.rechecks.is_empty() {
                self.recheck();
            } else if self.dirty.len() > 0 {
                self.follow();
            } else if !self.unread.is_empty() {
                // Whoever walks through the tree just now comes first.
                let idle = !self
                    .fs
                    .ledger()
                    .bell()
                    .wait_until(Some(Instant::now() + IDLE));
                if let Some(directory) = self.unread.pop_if(|_| idle) {
                    self.read_ahead(&directory);
                }
            } else {
                self.settle(Instant::now());
                self.tidying.tidy();
                let patience = self.waiting.values().min().map(|since| *since + PATIENCE);
                let next = [self.rescan, self.tidying.due(), patience];
                let next = next.into_iter().flatten().min();
                if self.fs.ledger().bell().wait_until(next) {
                    self.tidying.worked();
                }
            }
        }
    }

    /// Has nodes looked at on which no local operation is under way any more, or has been for too long.
    fn resume(&mut self) {
        let ledger = self.fs.ledger();
        let due = |path: &StorePath| {
            let since = self.waiting.get(path);
            since.is_none_or(|since| since.elapsed() >= PATIENCE) || !ledger.is_under_way(path)
        };
        for (path, cause) in self.postponed.extract_if(.., |(path, _)| due(path)) {
            self.dirty.mark(path, cause);
        }
    }

    /// How many nodes are to be looked at.
    fn waiting(&self) -> u64 {
        (self.dirty.len() + self.rechecks.len() + self.postponed.len()) as u64
    }

    /// All events that came before `oldest` were dealt with, and all that have come were taken.
    fn settle(&mut self, oldest: Instant) {
        self.fs.ledger().settle_echoes(oldest);
        self.settled = Instant::now();
    }

    /// Takes some of the dirty nodes, parents first, and tells what is different.
    fn follow(&mut self) {
        let mut batch = Vec::with_capacity(BATCH.min(self.dirty.len()));
        while batch.len() < BATCH
            && let Some(next) = self.dirty.pop()
        {
            batch.push(next);
        }
        let fs = Arc::clone(&self.fs);
        let comparing = fs.ledger().comparing();
        self.asked = Instant::now();
        self.asked_at = self.fs.inodes().uses();
        let (readings, failed) = self.read(&batch);
        let mut changes = Vec::new();
        for ((path, cause), reading) in batch.iter().zip(readings) {
            if let Some(reading) = reading {
                self.compare(path, *cause, reading, &mut changes);
            }
        }
        drop(comparing);
        for path in std::mem::take(&mut self.unbelievable) {
            self.disbelieve(&path);
        }
        if failed {
            self.retry();
        }
        self.write_lines(&changes);
        self.tell(&changes);
    }

    /// The store did not answer: tried again later, with all that the kernel knows, because a connection may be lost.
    fn retry(&mut self) {
        let later = Instant::now() + RETRY;
        self.dirty.clear();
        self.postponed.clear();
        self.waiting.clear();
        self.rescan = Some(self.rescan.map_or(later, |at| at.min(later)));
    }
}
