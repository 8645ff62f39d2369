//! What the kernel was told, and how true it still is.
//!
//! - *Flights*: requests of the kernel that are being answered. One registers its path before it asks the store and stays
//!   registered until the kernel has its reply. An event meanwhile may be newer than the answer: the kernel is then told
//!   to believe it for no time, or, if the reply has left already, to look again.
//! - *Facts*: what the store said of the nodes that the kernel knows. Requests bring the first, events alone replace them,
//!   so that every difference is told exactly once. They are forgotten together with the node.
//! - *Echoes*: what local operations leave behind, to recognise the events that they cause.

mod echo;
mod facts;
mod flight;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use xenbus::StorePath;
use xenbus::watch::Bell;

pub use echo::{Aspect, Echo, Left};
pub use facts::{Children, Digest, Facts, take_within};
pub use flight::{Flight, Scope};

use echo::Echoes;

/// What the kernel was told, and how true it still is.
#[derive(Default)]
pub struct Ledger {
    state: Mutex<State>,
    moves: RwLock<()>,
    /// Events are trusted to tell of everything.
    trusting: AtomicBool,
    followed: AtomicBool,
    /// There is a thread that follows events.
    watched: AtomicBool,
    bell: Bell,
}

#[derive(Default)]
struct State {
    facts: BTreeMap<StorePath, Facts>,
    flights: Vec<Weak<Flight>>,
    echoes: Echoes,
    /// Below these everything is known, whatever the kernel knows.
    pins: Vec<StorePath>,
    /// Nodes about which the kernel was told something that may be old.
    rechecks: Vec<StorePath>,
    /// Directories whose lists the kernel has kept and should not.
    lists: Vec<u64>,
    /// Nodes that were found and are new.
    unheard: Vec<StorePath>,
    /// Directories whose children's permissions are still unknown.
    unread: Vec<StorePath>,
}

impl State {
    fn is_pinned(&self, path: &StorePath) -> bool {
        self.pins.iter().any(|pin| path.is_within(pin))
    }
}

impl Ledger {
    /// Rung when there is something to recheck or to read.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Whether events, as long as they arrive, tell of everything that changes.
    pub fn is_trusting(&self) -> bool {
        self.trusting.load(Ordering::Acquire)
    }

    /// From now on events, as long as they arrive, are trusted to tell of everything that changes.
    pub fn trust(&self) {
        self.trusting.store(true, Ordering::Release);
    }

    /// A thread follows events from now on.
    pub fn set_watched(&self) {
        self.watched.store(true, Ordering::Release);
    }

    /// Whether a thread follows events.
    pub fn has_watcher(&self) -> bool {
        self.watched.load(Ordering::Acquire)
    }

    /// Whether events arrive.
    pub fn is_followed(&self) -> bool {
        self.followed.load(Ordering::Acquire)
    }

    /// Whether events tell of everything that changes, so that the kernel may believe for ever.
    pub fn is_certain(&self) -> bool {
        self.is_trusting() && self.is_followed()
    }

    /// From now on events arrive, or do not.
    pub fn set_followed(&self, followed: bool) {
        let state = self.state();
        self.followed.store(followed, Ordering::Release);
        if !followed {
            // What is just being answered was asked when they did.
            state.flights().for_each(|flight| flight.hit_at_or_above());
        }
    }

    /// The kernel has forgotten the node at `path`.
    pub fn forget(&self, path: &StorePath) {
        let mut state = self.state();
        if !state.is_pinned(path) {
            state.facts.remove(path);
        }
    }

    /// A local operation moves nodes, until this is dropped: from before it tells the store until the table of inodes
    /// agrees with that. It waits for answers that are being compared, and for nothing of the kernel's.
    pub fn moving(&self) -> RwLockReadGuard<'_, ()> {
        self.moves.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store is asked, and its answers are compared with what is known, until this is dropped: no node moves
    /// meanwhile. Its holder must not tell the kernel anything, which may wait for the operation that moves.
    pub fn comparing(&self) -> RwLockWriteGuard<'_, ()> {
        self.moves.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on everything below these paths is known.
    pub fn set_pins(&self, pins: Vec<StorePath>) {
        self.state().pins = pins;
    }

    /// Whether the node at `path` is to be known, whatever the kernel knows.
    pub fn is_pinned(&self, path: &StorePath) -> bool {
        self.state().is_pinned(path)
    }

    /// Looks at the facts, and changes them.
    pub fn with_facts<T>(&self, look: impl FnOnce(&mut BTreeMap<StorePath, Facts>) -> T) -> T {
        look(&mut self.state().facts)
    }

    /// The nodes to recheck.
    pub fn take_rechecks(&self) -> Vec<StorePath> {
        std::mem::take(&mut self.state().rechecks)
    }

    /// The nodes that were found before anything told that they are there.
    pub fn take_unheard(&self) -> Vec<StorePath> {
        std::mem::take(&mut self.state().unheard)
    }

    /// The directories whose children's permissions are to be read.
    pub fn take_unread(&self) -> Vec<StorePath> {
        std::mem::take(&mut self.state().unread)
    }

    /// The directories whose lists the kernel should not keep.
    pub fn take_lists(&self) -> Vec<u64> {
        std::mem::take(&mut self.state().lists)
    }

    /// The kernel should not keep the list of a directory that it was just told.
    pub fn drop_list(&self, id: u64) {
        self.state().lists.push(id);
        self.bell.ring();
    }

    /// What the kernel was told of `path` may be old.
    pub fn recheck(&self, path: &StorePath) {
        self.state().rechecks.push(path.clone());
        self.bell.ring();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
