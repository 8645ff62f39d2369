//! The open transactions of a mount.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::special::Listed;
use crate::errno::{Errno, Result};
use crate::fs::{Entry, XenFs};
use crate::inode::Space;
use crate::log;

/// Most transactions at once in a domain without privilege: the daemons let it have 10, and its other programs need
/// some.
const MOST_OF_A_GUEST: usize = 8;

/// Most transactions at once otherwise: each is a copy of what it has seen in the daemon's memory.
const MOST: usize = 64;

/// What `.control` takes, and what reading it gives.
pub(super) const WORDS: &str = "commit abort\n";

/// The open transactions, and what is left of those that are over.
pub(super) struct Transactions {
    shared: Arc<Shared>,
    most: usize,
}

struct Shared {
    table: Mutex<Table>,
    /// The mount has ended.
    changed: Condvar,
    /// For how long one may be unused.
    patience: Duration,
}

#[derive(Default)]
struct Table {
    /// By name; `None` while it is being started.
    open: BTreeMap<String, Option<Space>>,
    /// Those that are open, and those of which the kernel still knows nodes.
    trees: BTreeMap<Space, Tree>,
    last: Option<Space>,
    /// Whether a thread looks after those that nobody uses.
    watched: bool,
    closed: bool,
}

struct Tree {
    fs: Arc<XenFs>,
    used: Instant,
}

impl Transactions {
    pub(super) fn new(main: &XenFs) -> Self {
        Self {
            shared: Arc::new(Shared {
                table: Mutex::default(),
                changed: Condvar::new(),
                patience: main.tx_timeout(),
            }),
            most: if main.is_privileged() {
                MOST
            } else {
                MOST_OF_A_GUEST
            },
        }
    }

    /// What transaction `space` sees.
    ///
    /// # Errors
    /// ESTALE if it is over: the kernel then looks the name up again, and finds nothing.
    pub(super) fn tree(&self, space: Space) -> Result<Arc<XenFs>> {
        let mut table = self.shared.table();
        let tree = table.trees.get_mut(&space).ok_or(Errno::ESTALE)?;
        tree.used = Instant::now();
        Ok(Arc::clone(&tree.fs))
    }

    /// The transaction called `name`.
    pub(super) fn find(&self, name: &[u8]) -> Result<Arc<XenFs>> {
        let name = str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let space = self.shared.table().open.get(name).copied().flatten();
        self.tree(space.ok_or(Errno::ENOENT)?)
    }

    /// Starts a transaction called `name`.
    ///
    /// # Errors
    /// EDQUOT when there are as many as may be; EINVAL for a name that cannot be printed.
    pub(super) fn begin(&self, main: &Arc<XenFs>, name: &[u8]) -> Result<Entry> {
        let name = str::from_utf8(name)
            .ok()
            .filter(|name| !name.chars().any(char::is_control))
            .ok_or(Errno::EINVAL)?;
        let space = self.shared.table().reserve(name, self.most)?;
        let begun = XenFs::begin(main, space).and_then(|fs| Ok((fs.top()?, fs)));
        let mut table = self.shared.table();
        match begun {
            Ok((entry, fs)) => {
                let tree = Tree {
                    fs: Arc::new(fs),
                    used: Instant::now(),
                };
                table.trees.insert(space, tree);
                table.open.insert(name.to_owned(), Some(space));
                self.shared.watch(&mut table);
                Ok(entry)
            }
            Err(error) => {
                table.open.remove(name);
                Err(error)
            }
        }
    }

    /// Gives the transaction called `name` up.
    pub(super) fn abort(&self, name: &[u8]) -> Result<()> {
        let name = str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let space = self.shared.table().open.get(name).copied().flatten();
        let fs = self.shared.end(space.ok_or(Errno::ENOENT)?)?;
        fs.abort();
        Ok(())
    }

    /// Does what was written to the `.control` of a transaction.
    ///
    /// # Errors
    /// EINVAL for a word that is none, after which the transaction goes on; otherwise see [`XenFs::commit`].
    pub(super) fn control(&self, space: Space, data: &[u8]) -> Result<()> {
        match data.trim_ascii() {
            b"commit" => self.shared.end(space)?.commit(),
            b"abort" => {
                self.shared.end(space)?.abort();
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// The names, for a listing.
    pub(super) fn list(&self) -> Vec<Listed> {
        let table = self.shared.table();
        let open = table.open.iter();
        open.filter_map(|(name, space)| {
            Some(Listed {
                id: table.trees.get(&(*space)?)?.fs.top_id(),
                directory: true,
                name: name.clone(),
            })
        })
        .collect()
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.shared.table().open.len()
    }

    /// The kernel forgets look-ups of a nodeid.
    pub(super) fn forget(&self, space: Space, id: u64, lookups: u64) {
        let mut table = self.shared.table();
        if let Some(tree) = table.trees.get(&space) {
            tree.fs.forget(id, lookups);
            table.clean(space);
        }
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        let mut table = self.shared.table();
        table.closed = true;
        let trees = std::mem::take(&mut table.trees);
        drop(table);
        self.shared.changed.notify_all();
        for tree in trees.values() {
            tree.fs.abort();
        }
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a transaction off the list; nobody finds it any more.
    fn end(&self, space: Space) -> Result<Arc<XenFs>> {
        let mut table = self.table();
        let open = table.open.iter();
        let mut named = open.filter(|(_, other)| **other == Some(space));
        let name = named.next().map(|(name, _)| name.clone());
        table.open.remove(&name.ok_or(Errno::ESTALE)?);
        let tree = table.trees.get(&space).ok_or(Errno::ESTALE)?;
        let fs = Arc::clone(&tree.fs);
        table.clean(space);
        Ok(fs)
    }

    /// Sees to it that some thread looks after transactions that nobody uses.
    fn watch(self: &Arc<Self>, table: &mut Table) {
        if table.watched {
            return;
        }
        let shared = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name("xenfs-transactions".into())
            .spawn(move || shared.give_up_unused());
        table.watched = spawned.is_ok();
    }

    fn give_up_unused(&self) {
        let mut table = self.table();
        loop {
            if table.closed || table.open.is_empty() {
                table.watched = false;
                return;
            }
            let now = Instant::now();
            let longest = table.longest_unused();
            let left = longest.as_ref().map_or(self.patience, |(_, _, used)| {
                (*used + self.patience).saturating_duration_since(now)
            });
            match longest {
                Some((name, space, _)) if left.is_zero() => {
                    drop(table);
                    if let Ok(fs) = self.end(space) {
                        fs.abort();
                        log::warning(format_args!(
                            "transaction {name} was given up: nobody has used it for {} s (tx-timeout)",
                            self.patience.as_secs_f32()
                        ));
                    }
                    table = self.table();
                }
                _ => {
                    let waited = self.changed.wait_timeout(table, left);
                    (table, _) = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl Table {
    /// Takes a name and a space for a transaction that is being started.
    fn reserve(&mut self, name: &str, most: usize) -> Result<Space> {
        if self.open.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        if self.open.len() >= most {
            return Err(Errno::EDQUOT);
        }
        let mut space = self.last.unwrap_or(Space::MAIN).next();
        while self.trees.contains_key(&space) {
            space = space.next();
        }
        self.last = Some(space);
        self.open.insert(name.to_owned(), None);
        Ok(space)
    }

    fn longest_unused(&self) -> Option<(String, Space, Instant)> {
        let open = self.open.iter();
        let open = open.filter_map(|(name, space)| Some((name, (*space)?)));
        let open = open.filter_map(|(name, space)| Some((name, space, self.trees.get(&space)?)));
        let (name, space, tree) = open.min_by_key(|(_, _, tree)| tree.used)?;
        Some((name.clone(), space, tree.used))
    }

    /// Drops what is left of a transaction that is over and that the kernel has forgotten.
    fn clean(&mut self, space: Space) {
        let is_open = self.open.values().any(|open| *open == Some(space));
        let known = |tree: &Tree| tree.fs.is_known();
        if !is_open && !self.trees.get(&space).is_some_and(known) {
            self.trees.remove(&space);
        }
    }
}
