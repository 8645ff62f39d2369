//! Files and directories that are no nodes: they are found in the root of a tree, and not listed there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::attr::Attr;
use crate::fs::{DirEntry, Entry, Lifetime, XenFs};
use crate::inode::{ROOT, Space};

/// A file or directory that is no node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Special {
    /// `.transactions`: the open transactions.
    Transactions,
    /// `.xenfs`: about the mount.
    Hidden,
    /// `.xenfs/status`.
    Status,
    /// `.control` of a transaction.
    Control(Space),
}

impl Special {
    pub(super) const TRANSACTIONS_NAME: &[u8] = b".transactions";
    pub(super) const HIDDEN_NAME: &[u8] = b".xenfs";
    pub(super) const STATUS_NAME: &[u8] = b"status";
    pub(super) const CONTROL_NAME: &[u8] = b".control";

    /// What a nodeid stands for, if it is none of a node's. These are the smallest ones of their space, which no node
    /// has; 1 is the root.
    pub(super) fn of(id: u64) -> Option<Self> {
        let space = Space::of(id);
        match (space, id - space.first()) {
            (Space::MAIN, 2) => Some(Self::Transactions),
            (Space::MAIN, 3) => Some(Self::Hidden),
            (Space::MAIN, 4) => Some(Self::Status),
            (Space::MAIN, _) => None,
            (space, 2) => Some(Self::Control(space)),
            _ => None,
        }
    }

    fn id(self) -> u64 {
        match self {
            Self::Transactions => 2,
            Self::Hidden => 3,
            Self::Status => 4,
            Self::Control(space) => space.first() + 2,
        }
    }

    /// Whether a name in the root is one of these.
    pub(super) fn is_in_root(name: &[u8]) -> bool {
        [Self::TRANSACTIONS_NAME, Self::HIDDEN_NAME].contains(&name)
    }

    fn is_directory(self) -> bool {
        matches!(self, Self::Transactions | Self::Hidden)
    }

    /// What the kernel is told.
    pub(super) fn entry(self, fs: &XenFs) -> Entry {
        let appearance = fs.appearance();
        let mode = match self {
            Self::Transactions => appearance.private(true),
            Self::Control(_) => appearance.private(false),
            Self::Hidden => 0o555,
            Self::Status => 0o444,
        };
        Entry {
            attr: Attr {
                id: self.id(),
                directory: self.is_directory(),
                mode,
                uid: appearance.uid(),
                gid: appearance.gid(),
                size: 0,
                modified: fs.mounted(),
            },
            lifetime: Lifetime::default(),
        }
    }

    /// Its entry in the listing of its directory.
    pub(super) fn listed(self) -> Listed {
        Listed {
            id: self.id(),
            directory: self.is_directory(),
            name: String::from_utf8_lossy(Self::STATUS_NAME).into_owned(),
        }
    }
}

/// An entry of a special directory.
pub(super) struct Listed {
    pub(super) id: u64,
    pub(super) directory: bool,
    pub(super) name: String,
}

/// The special files and directories that are open.
#[derive(Default)]
pub(super) struct Specials {
    last: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Open>>>,
}

/// One that is open: its content as it was then.
pub(super) struct Open {
    id: u64,
    content: Vec<u8>,
    entries: Vec<Listed>,
}

impl Specials {
    /// Handles above those of all spaces.
    const FIRST: u64 = 1 << 63;

    pub(super) fn open(&self, id: u64, content: Vec<u8>, entries: Vec<Listed>) -> u64 {
        let handle = Self::FIRST | self.last.fetch_add(1, Ordering::Relaxed);
        let open = Open {
            id,
            content,
            entries,
        };
        self.table().insert(handle, Arc::new(open));
        handle
    }

    pub(super) fn get(&self, handle: u64) -> Option<Arc<Open>> {
        if handle < Self::FIRST {
            return None;
        }
        self.table().get(&handle).cloned()
    }

    /// Closes a handle; `false` if it is none of these.
    pub(super) fn close(&self, handle: u64) -> bool {
        handle >= Self::FIRST && self.table().remove(&handle).is_some()
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    pub(super) fn special(&self) -> Option<Special> {
        Special::of(self.id)
    }

    pub(super) fn read(&self, offset: u64, size: usize) -> Vec<u8> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.content.get(start..).unwrap_or_default();
        rest[..rest.len().min(size)].to_vec()
    }

    pub(super) fn list(&self, offset: u64, mut push: impl FnMut(DirEntry) -> bool) {
        let dots = [(self.id, "."), (ROOT, "..")];
        let dots = dots.map(|(id, name)| (id, true, name));
        let entries = self.entries.iter();
        let entries = entries.map(|entry| (entry.id, entry.directory, entry.name.as_str()));
        let all = (1..).zip(dots.into_iter().chain(entries));
        for (next, (id, directory, name)) in all.skip(usize::try_from(offset).unwrap_or(usize::MAX))
        {
            let name = name.to_owned();
            if !push(DirEntry {
                id,
                next,
                directory,
                name,
            }) {
                return;
            }
        }
    }
}
