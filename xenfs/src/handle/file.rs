//! One open file: what it knows of the value, and what it has not told the store yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::attr::Rights;
use crate::fs::Following;

/// Where a write goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Append {
    /// To the offset that the caller says.
    No,
    /// To the end, wherever that is (`O_APPEND`).
    Yes,
}

/// An open file.
pub struct File {
    /// The nodeid that was opened.
    pub id: u64,
    /// Number of its record.
    pub number: u64,
    /// It may be written.
    pub writable: bool,
    /// How it is written.
    pub append: Append,
    /// What the node will look like, while its creation is held back.
    pub rights: Rights,
    /// What this handle has seen of its node's changes.
    pub following: Option<Following>,
    /// The value is to be replaced by the first write, or emptied when the file is closed without one.
    truncated: AtomicBool,
    /// The node is to be created by the first write, or when the file is closed.
    held_back: AtomicBool,
    /// Somebody has closed a descriptor of it: everybody sees the truncation from now on.
    flushed: AtomicBool,
    state: Mutex<State>,
}

/// What an open file knows of the value.
#[derive(Default)]
pub struct State {
    /// The file's content as this handle's writes have left it.
    pub content: Option<Vec<u8>>,
    /// The value that the last write gave the store.
    pub stored: Option<Vec<u8>>,
    /// When the node was last known to exist.
    pub confirmed: Option<Instant>,
    /// The content that a sequence of reads sees, until its end was read.
    pub snapshot: Option<Vec<u8>>,
    /// The value that opening has brought, for a read that follows at once.
    pub brought: Option<Brought>,
}

/// A value that was read to open a file.
pub struct Brought {
    /// The value.
    pub value: Vec<u8>,
    /// When the store was asked for it.
    pub asked: Instant,
    /// The version of the node before that.
    pub version: u64,
}

impl File {
    /// A file opened on the node of nodeid `id`.
    pub fn new(id: u64, number: u64, writable: bool, append: Append) -> Self {
        Self {
            id,
            number,
            writable,
            append,
            rights: Rights::Unseen,
            following: None,
            truncated: AtomicBool::new(false),
            held_back: AtomicBool::new(false),
            flushed: AtomicBool::new(false),
            state: Mutex::new(State {
                confirmed: Some(Instant::now()),
                ..State::default()
            }),
        }
    }

    /// The same with a truncation pending, if `truncate`.
    #[must_use]
    pub fn truncating(self, truncate: bool) -> Self {
        self.truncated.store(truncate, Ordering::Release);
        self
    }

    /// The same with the node's creation held back; it will have `rights`.
    #[must_use]
    pub fn holding_back(mut self, rights: Rights) -> Self {
        self.rights = rights;
        self.held_back.store(true, Ordering::Release);
        self
    }

    /// The same with its node's changes counted.
    #[must_use]
    pub fn following(mut self, following: Following) -> Self {
        self.following = Some(following);
        self
    }

    /// The same with the value that opening has brought.
    #[must_use]
    pub fn bringing(self, brought: Option<Brought>) -> Self {
        self.state().brought = brought;
        self
    }

    /// Whether the value is to be emptied.
    pub fn is_truncated(&self) -> bool {
        self.truncated.load(Ordering::Acquire)
    }

    /// Whether the node is still to be created.
    pub fn is_held_back(&self) -> bool {
        self.held_back.load(Ordering::Acquire)
    }

    /// Whether there is anything that the store does not know yet.
    pub fn is_pending(&self) -> bool {
        self.is_truncated() || self.is_held_back()
    }

    /// Whether everybody sees the file as empty because of this handle.
    pub fn shows_as_empty(&self) -> bool {
        self.is_held_back() || (self.is_truncated() && self.flushed.load(Ordering::Acquire))
    }

    /// A descriptor of the file was closed.
    pub fn flush(&self) {
        self.flushed.store(true, Ordering::Release);
    }

    /// The mutable part; held while the store is asked, so that the writes of one handle keep their order.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settle(&self) {
        self.truncated.store(false, Ordering::Release);
        self.held_back.store(false, Ordering::Release);
    }
}
